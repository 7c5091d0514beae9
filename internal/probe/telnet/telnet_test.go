package telnet

import (
	"bytes"
	"testing"
)

// Options are refused, text is kept, an incomplete command waits.
func TestStrip(t *testing.T) {
	text, reply, rest := strip([]byte("\xff\xfd\x18\xff\xfb\x01hi\xff\xff!\xff\xfa\x18\x01\xff\xf0 login: \xff\xfd"))
	if string(text) != "hi\xff! login: " || string(reply) != "\xff\xfc\x18\xff\xfe\x01" || string(rest) != "\xff\xfd" {
		t.Errorf("text %q, reply %q, rest %q", text, reply, rest)
	}
}

func FuzzStrip(f *testing.F) {
	f.Add([]byte("\xff\xfb\x01login: "))
	f.Add([]byte("\xff\xfa\x18"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text, reply, rest := strip(b)
		if len(text) > len(b) || len(reply) > len(b) || !bytes.HasSuffix(b, rest) {
			t.Errorf("text %d, reply %d, rest %q of %q", len(text), len(reply), rest, b)
		}
	})
}
