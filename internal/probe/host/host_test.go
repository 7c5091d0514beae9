package host

import (
	"testing"

	"hoshi/internal/probe"
)

// Each network mode says whether the host is mixed in; an unknown one says nothing.
func TestParse(t *testing.T) {
	for mode, want := range map[string]any{probe.ModeRemote: false, probe.ModeNamespace: false, probe.ModeShared: true, "": nil, "else": nil} {
		s := parse([]probe.Record{{Event: "network", Detail: mode}})
		if want == nil {
			if len(s) != 0 {
				t.Errorf("%q: %v", mode, s)
			}
			continue
		}
		if len(s) != 1 || s[0].Value != want {
			t.Errorf("%q: %v", mode, s)
		}
	}
}
