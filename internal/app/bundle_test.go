package app

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fault"
	"hoshi/internal/practice"
	"hoshi/internal/scheme"
)

// TestOpenBundleEdition seals runs with rules of a stranger: only the portal's own
// edition is run, and another is not even parsed.
func TestOpenBundleEdition(t *testing.T) {
	own, err := criteria.Builtin("star1-2024r1-reconstructed")
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	public, err := evidence.PublicPEM(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	keys := []scheme.SigningKey{{ID: "bench", PublicPEM: string(public)}}
	start := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		edition []byte
		key     string
	}{
		"own":         {own.Source(), ""},
		"reworded":    {bytes.Replace(own.Source(), []byte("pass_if"), []byte("pass_if "), 1), "casework.bundle.edition"},
		"not parsed":  {[]byte("rules of a stranger"), "casework.bundle.edition"},
		"of no bytes": {[]byte{}, "casework.bundle.edition"},
	} {
		var b bytes.Buffer
		run := evidence.Run{Info: evidence.Info{Format: evidence.RunFormat, Tool: "hoshi 0", Started: start, Finished: start, EditionID: own.ID},
			Product: practice.ProductYAML(practice.MakeCamera, practice.RealPorts()), Edition: c.edition}
		if err := evidence.Seal(&b, run, key); err != nil {
			t.Fatal(err)
		}
		sealed, err := OpenBundle(&b, keys, own)
		var f *fault.Error
		switch {
		case c.key == "" && (err != nil || sealed.Edition != own.Digest() || len(sealed.Verdicts) != len(own.Criteria)):
			t.Errorf("%s: %v, %v", name, sealed, err)
		case c.key != "" && (!errors.As(err, &f) || f.Key != c.key):
			t.Errorf("%s: %v", name, err)
		}
	}
}
