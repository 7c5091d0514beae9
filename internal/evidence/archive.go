package evidence

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"hoshi/internal/fault"
)

// Limits bound what Open reads.
type Limits struct {
	Compressed    int64 // bytes of the archive
	Uncompressed  int64 // bytes of all files together
	Files         int
	AllowUnsigned bool // take a bundle without a signature too
}

// DefaultLimits are the limits of the portal and the command line.
func DefaultLimits() Limits {
	return Limits{Compressed: 16 << 20, Uncompressed: 128 << 20, Files: 64}
}

// The archive is a tar inside gzip whose header has one extra field: the SHA-256
// and the length of everything after the header. So any altered byte is found,
// those too that decompression would not notice, and common tools still unpack it.
const (
	fieldLen  = sha256.Size + 8
	extraLen  = 4 + fieldLen
	fixedLen  = 10 + 2 + 4 // what is the same in every archive
	headerLen = fixedLen + fieldLen
)

func gzipHeader(body []byte) []byte {
	h := []byte{0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, extraLen, 0, 'H', 'S', fieldLen, 0}
	sum := sha256.Sum256(body)
	return binary.LittleEndian.AppendUint64(append(h, sum[:]...), uint64(len(body)))
}

// pack renders files as a deterministic archive.
func pack(files map[string][]byte) ([]byte, error) {
	var plain bytes.Buffer
	tw := tar.NewWriter(&plain)
	for _, n := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: n, Mode: 0o644, Size: int64(len(files[n])), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := tw.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := tw.Write(files[n]); err != nil {
			return nil, err
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	var body bytes.Buffer
	fw, err := flate.NewWriter(&body, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := fw.Write(plain.Bytes()); err != nil {
		return nil, err
	}
	if err := fw.Close(); err != nil {
		return nil, err
	}
	b := binary.LittleEndian.AppendUint32(body.Bytes(), crc32.ChecksumIEEE(plain.Bytes()))
	b = binary.LittleEndian.AppendUint32(b, uint32(plain.Len()))
	return append(gzipHeader(b), b...), nil
}

// unpack reads an archive that pack made. It refuses everything else, and says
// whether the file is foreign, cut short or altered.
func unpack(r io.Reader, l Limits) (map[string][]byte, error) {
	refuse := func(key string, err error) (map[string][]byte, error) {
		return nil, fault.Wrap(fault.Invalid, "evidence.Open", err, key)
	}
	all, err := io.ReadAll(io.LimitReader(r, l.Compressed+1))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, "evidence.Open", err, "evidence.unreadable")
	}
	if int64(len(all)) > l.Compressed {
		return nil, fault.New(fault.TooLarge, "evidence.Open", "evidence.too-large", "limit", l.Compressed>>20)
	}
	head := gzipHeader(nil)[:fixedLen]
	switch n := min(len(all), fixedLen); {
	case n < fixedLen || differing(all[:n], head) > 1:
		return refuse("evidence.foreign", nil)
	case !bytes.Equal(all[:n], head):
		return refuse("evidence.altered", nil)
	case len(all) < headerLen:
		return refuse("evidence.cut", nil)
	}
	body := all[headerLen:]
	if !bytes.Equal(gzipHeader(body), all[:headerLen]) {
		sum := sha256.Sum256(body)
		if whole := bytes.Equal(sum[:], all[fixedLen:fixedLen+sha256.Size]); !whole && uint64(len(body)) < binary.LittleEndian.Uint64(all[headerLen-8:headerLen]) {
			return refuse("evidence.cut", nil)
		}
		return refuse("evidence.altered", nil)
	}
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body)), l.Uncompressed+1))
	if int64(len(plain)) > l.Uncompressed {
		return nil, fault.New(fault.TooLarge, "evidence.Open", "evidence.too-large", "limit", l.Uncompressed>>20)
	}
	if err != nil {
		return refuse("evidence.foreign", err)
	}
	return untar(plain, l)
}

// differing counts the places in which two strings of one length differ.
func differing(a, b []byte) (n int) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func untar(plain []byte, l Limits) (map[string][]byte, error) {
	files := map[string][]byte{}
	tr := tar.NewReader(bytes.NewReader(plain))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		bad := func(why error) (map[string][]byte, error) {
			return nil, fault.Wrap(fault.Invalid, "evidence.Open", why, "evidence.foreign")
		}
		switch {
		case err != nil:
			return bad(err)
		case h.Typeflag != tar.TypeReg || !known(h.Name) || files[h.Name] != nil:
			return bad(errors.New("file " + h.Name))
		case h.Size > int64(len(plain)): // memory follows what is there, not what is claimed
			return bad(io.ErrUnexpectedEOF)
		case len(files) >= l.Files:
			return nil, fault.New(fault.TooLarge, "evidence.Open", "evidence.too-many", "limit", l.Files)
		}
		b := make([]byte, 0, max(1, h.Size)) // never nil: nil means absent
		w := bytes.NewBuffer(b)
		if _, err := io.Copy(w, tr); err != nil {
			return bad(err)
		}
		files[h.Name] = w.Bytes()
	}
	return files, nil
}

// Names of the files in a bundle.
const (
	RunFile       = "run.json"
	ProductFile   = "product.yaml"
	EditionFile   = "edition.yaml"
	FactsFile     = "facts.json"
	VerdictsFile  = "verdicts.json"
	StatementFile = "statement.dsse.json"
	transcripts   = "transcripts/"
	imports       = "imports/"
)

// importName is the form of an imported file's name: "nmap-1.xml".
var importName = regexp.MustCompile(`^(nmap|testssl|sslyze)-[1-9][0-9]?\.(xml|json)$`)

func known(name string) bool {
	switch name {
	case RunFile, ProductFile, EditionFile, FactsFile, VerdictsFile, StatementFile:
		return true
	}
	if i, ok := strings.CutPrefix(name, imports); ok {
		return importName.MatchString(i)
	}
	t, ok := strings.CutPrefix(name, transcripts)
	if !ok || !strings.HasSuffix(t, ".jsonl") {
		return false
	}
	for _, c := range strings.TrimSuffix(t, ".jsonl") {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return len(t) > len(".jsonl") && len(t) < 40
}
