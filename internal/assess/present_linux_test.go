package assess

import (
	"testing"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/testkit/bed"
)

// A device that is off is told within seconds, before anything is asked of it.
func TestPresent(t *testing.T) {
	bed.Run(t, bed.Profile{}, func(t *testing.T, b *bed.Bed) {
		if !b.Isolated {
			return // said by Run: on loopback everybody is there
		}
		if err := Present(t.Context(), b.Addr); err != nil {
			t.Errorf("the device that is there: %v", err)
		}
		begun := time.Now()
		if err := Present(t.Context(), b.Addr.Next()); !fault.Is(err, fault.Unavailable) {
			t.Errorf("an address that nobody has: %v", err)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}
