package label

import (
	"image"
	"net/netip"
	"net/url"
	"strings"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"

	"hoshi/internal/fault"
)

// QuietZone is the empty border of a QR code, in modules on each side (ISO/IEC 18004).
const QuietZone = 4

// URL is the printed address of a label: upper case, so that the QR code uses the
// alphanumeric mode (host names and the path /L/ are read in any case). base is
// "https://host" or, for practice on one machine, "http://" and a loopback host.
func URL(base string, id ID) (string, error) {
	bad := fault.New(fault.Invalid, "label.URL", "label.host", "base", base)
	u, err := url.Parse(base)
	if err != nil || len(base) > 255 || !SafeURL(u) || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		return "", bad
	}
	text := strings.ToUpper(u.Scheme + "://" + u.Host + "/L/" + string(id))
	for i := range len(text) {
		if !strings.ContainsRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-./:", rune(text[i])) {
			return "", bad
		}
	}
	return text, nil
}

// SafeURL reports whether an address may be asked for a label: https, or http on
// this machine, with no user name in it.
func SafeURL(u *url.URL) bool {
	if u.Host == "" || u.User != nil || u.Opaque != "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

// QR is a QR code without its quiet zone: Black[y][x].
type QR struct {
	Black [][]bool
}

// Size is the number of modules on a side: 29 for the usual 41 characters.
func (q QR) Size() int { return len(q.Black) }

// NewQR encodes text at error correction level Q in the smallest version.
func NewQR(text string) (QR, error) {
	mode := qr.AlphaNumeric
	if strings.ToUpper(text) != text {
		mode = qr.Auto
	}
	code, err := qr.Encode(text, qr.Q, mode)
	if err != nil {
		return QR{}, fault.Wrap(fault.Invalid, "label.NewQR", err, "label.qr", "why", err.Error())
	}
	return fromImage(code), nil
}

func fromImage(code barcode.Barcode) QR {
	b := code.Bounds()
	q := QR{Black: make([][]bool, b.Dy())}
	for y := range q.Black {
		q.Black[y] = make([]bool, b.Dx())
		for x := range q.Black[y] {
			q.Black[y][x] = isBlack(code, image.Pt(b.Min.X+x, b.Min.Y+y))
		}
	}
	return q
}

func isBlack(m image.Image, p image.Point) bool {
	r, _, _, _ := m.At(p.X, p.Y).RGBA()
	return r < 0x8000
}
