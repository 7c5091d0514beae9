package practice

import (
	"crypto/rand"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"hoshi/internal/assess"
	"hoshi/internal/criteria"
	"hoshi/internal/evidence"
	"hoshi/internal/fact"
	"hoshi/internal/probe"
	"hoshi/internal/testkit/bed"
	"hoshi/internal/testkit/stranger"
)

// A whole run on a wire, from a host that has two addresses on the device's link:
// the camera that holds back an account wherever it is tried from conforms to
// S1.1-04, the one that counts for each source does not, and the facts say why.
func TestBedLimitPerSource(t *testing.T) {
	t.Parallel()
	sysctl := map[string]string{"net.ipv4.icmp_ratelimit": "0", "net.ipv4.icmp_msgs_per_sec": "100000", "net.ipv4.icmp_msgs_burst": "10000"}
	for _, c := range []struct {
		flaws        []string
		scope, other string
		want         criteria.Outcome
	}{
		{nil, "account", "limited", criteria.Conforms},
		{[]string{"limit-per-source"}, "source", "checked", criteria.DoesNotConform},
	} {
		name := "well made"
		if len(c.flaws) > 0 {
			name = c.flaws[0]
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bed.Run(t, bed.Profile{Delay: time.Millisecond, Sysctl: sysctl}, func(t *testing.T, b *bed.Bed) {
				if !b.Isolated {
					return // said by Run; TestFlawTable has both on loopback
				}
				if out, err := exec.Command("ip", "addr", "add", "198.18.0.77/24", "dev", bed.Interface).CombinedOutput(); err != nil {
					t.Fatalf("%v %s", err, out)
				}
				var d *Device
				b.Go(func() (func(), error) {
					var err error
					d, err = Start(Options{Make: MakeCamera, Flaws: c.flaws, Addr: b.Addr, RealPorts: true, Now: time.Now, Rand: rand.Reader})
					if err != nil {
						return nil, err
					}
					return d.Close, nil
				})
				run, err := assess.Run(t.Context(), assess.Options{
					Address: b.Addr.String(), ProductFile: evidence.ProductFile, Product: ProductYAML(d.Make, d.Ports, c.flaws...), Edition: edition(t), Tool: "hoshi test",
					Consents: []probe.Consent{probe.ConsentSignIn, probe.ConsentChange}, Person: d.owner, Pace: probe.Practice(), Now: time.Now, Rand: rand.Reader,
					Journal: filepath.Join(t.TempDir(), "run.hoshi.journal"), Secret: func(evidence.Secret) (string, error) { return d.Password, nil },
				})
				if err != nil {
					t.Fatal(err)
				}
				stranger.Keep(t, run)
				limits := run.Facts.Named("signin.limit")
				form := slices.IndexFunc(run.Facts.Named("signin.limit"), func(f fact.Fact) bool { return probe.Str(f.Value, "scope") == c.scope })
				if form < 0 || probe.Str(limits[form].Value, "otherSource") != c.other {
					t.Errorf("limits %v", limits)
				}
				if got := outcomes(run)["S1.1-04"]; got != c.want {
					for _, v := range run.Verdicts {
						if v.Criterion == "S1.1-04" {
							t.Errorf("%s, want %s: %s %s %v", got, c.want, v.Rule, v.Seen.EN, v.Missing)
						}
					}
				}
				if s := b.Strays(nil); len(s) > 0 {
					t.Errorf("%d frames for others: %v", len(s), s[0])
				}
			})
		})
	}
}
