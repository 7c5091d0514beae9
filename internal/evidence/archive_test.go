package evidence

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"testing"

	"hoshi/internal/fault"
)

// TestClaimedSize sends archives of a hundred bytes whose one file claims to be
// huge: memory follows what is there.
func TestClaimedSize(t *testing.T) {
	for _, size := range []int64{1 << 20, 1 << 33, 1 << 62} {
		var plain, body bytes.Buffer
		if err := tar.NewWriter(&plain).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: RunFile, Size: size, Format: tar.FormatGNU}); err != nil {
			t.Fatal(err)
		}
		w, err := flate.NewWriter(&body, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plain.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		archive := append(gzipHeader(body.Bytes()), body.Bytes()...)
		if _, err := Open(bytes.NewReader(archive), DefaultLimits()); !fault.Is(err, fault.Invalid) {
			t.Errorf("a file that claims %d bytes: %v", size, err)
		}
	}
}
