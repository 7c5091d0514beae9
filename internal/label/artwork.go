package label

import (
	"math"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// Artwork is what a label shows in print: Hoshi's own sample design with the
// scheme's name, stars, level, id in clear and QR code. It holds nothing that goes
// stale: no day of expiry, no status.
type Artwork struct {
	Scheme   i18n.Text // name of the scheme; the picture uses the English one
	Level    i18n.Text // name of the level
	Stars    int       // filled stars
	MaxStars int       // all stars of the scheme; 0 for a scheme whose levels are no stars
	ID       ID
	URL      string // what the QR code says, see URL
}

// The design, in units of which a QR module has four.
const (
	artWidth  = 400.0
	artHeight = 196.0
	artModule = 4.0
	artText   = 182.0 // left edge of the words
	artRoom   = 202.0 // width of the words
	maxStars  = 6
)

// Colours of the design: dark teal on white, contrast 9:1.
const (
	artInk   = "#0b3d45"
	artPaper = "#ffffff"
)

type point struct{ x, y float64 }

// plan is a design laid out: both renderers draw exactly this.
type plan struct {
	art    Artwork
	qr     QR
	qrAt   point
	filled [][]point // stars
	open   [][]point
}

func (a Artwork) plan() (plan, error) {
	if a.Stars < 0 || a.Stars > a.MaxStars || a.MaxStars > maxStars {
		return plan{}, fault.New(fault.Invalid, "label.Artwork", "label.stars", "stars", a.Stars, "max", min(max(a.MaxStars, 0), maxStars))
	}
	if !a.ID.Valid() {
		return plan{}, fault.New(fault.Invalid, "label.Artwork", "label.id.check", "id", string(a.ID))
	}
	q, err := NewQR(a.URL)
	if err != nil {
		return plan{}, err
	}
	side := float64(q.Size()+2*QuietZone) * artModule
	if side > artText-8 {
		return plan{}, fault.New(fault.Invalid, "label.Artwork", "label.qr", "why", "the address is too long for this design")
	}
	p := plan{art: a, qr: q}
	p.qrAt = point{(artText-side)/2 + QuietZone*artModule, (artHeight-side)/2 + QuietZone*artModule}
	for i := range a.MaxStars {
		s := star(point{artText + 14 + float64(i)*33, 90}, 14)
		if i < a.Stars {
			p.filled = append(p.filled, s)
		} else {
			p.open = append(p.open, s)
		}
	}
	return p, nil
}

// star is a five-pointed star around c with the tips at radius r.
func star(c point, r float64) []point {
	out := make([]point, 10)
	for i := range out {
		d := r
		if i%2 == 1 {
			d = r * 0.45
		}
		a := math.Pi*float64(i)/5 - math.Pi/2
		out[i] = point{c.x + d*math.Cos(a), c.y + d*math.Sin(a)}
	}
	return out
}
