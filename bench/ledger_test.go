package bench

import (
	"slices"
	"testing"
	"time"

	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/ledgertest/labeltest"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/store"
)

// BenchmarkVerify: hoshi verify's work on a label with proof and status list, and
// the proof alone, without reading files.
func BenchmarkVerify(b *testing.B) {
	s := labeltest.New(b, "https://star.example")
	now := s.Granted.Add(2 * time.Hour)
	title("verifying one label")
	for name, list := range map[string][]byte{"statement and proof": nil, "statement, proof and status list": s.Fresh} {
		var each []time.Duration
		for range 500 * size(b, "ROUNDS", 5) {
			from := time.Now()
			_, r, err := label.Verify(label.VerifyInput{Keys: s.Manifest, Statement: s.Statement, Proof: s.Proof, StatusList: list, Now: now})
			each = append(each, time.Since(from))
			if err != nil || !r.Authentic {
				b.Fatal(err, r.Lines)
			}
		}
		line("%-34s p50 %.3f ms, p95 %.3f ms", name, ms(median(each)), ms(at(each, .95)))
	}
}

// BenchmarkSequencer: leaves that are committed, until a checkpoint that includes
// them is signed, witnessed and published; files on the disk, signer and witness
// with their durable state.
func BenchmarkSequencer(b *testing.B) {
	engines(b, func(b *testing.B, e engine) {
		ctx := b.Context()
		db := openDB(b, e, time.Now)
		files, err := sequence.NewDir(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		log := ledgertest.NewLog(b, db.Log(), files)
		title("sequencer on %s", e.Name)
		n := 0
		for _, batch := range []int{1, 100, 1000, 10_000} {
			var rates []float64
			var times []time.Duration
			for range size(b, "ROUNDS", 5) {
				err := db.Update(ctx, func(tx *store.Tx) error {
					for range batch {
						if err := store.AppendLeaf(ctx, tx, ledgertest.Event(n)); err != nil {
							return err
						}
						n++
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				from := time.Now()
				for more := true; more; {
					res, err := log.Seq.Run(ctx)
					if err != nil {
						b.Fatal(err)
					}
					more = res.More
				}
				d := time.Since(from)
				times, rates = append(times, d), append(rates, float64(batch)/d.Seconds())
			}
			line("%5d leaves wait: %8.1f ms until published (%.1f to %.1f), %6.0f leaves/s", batch, ms(median(times)), ms(slices.Min(times)), ms(slices.Max(times)), median(rates))
		}
		if err := ledgertest.Audit(log.Keys, log.Files, int64(n)); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkStatusList: a list of a million labels.
func BenchmarkStatusList(b *testing.B) {
	const labels = 1_000_000
	title("status list of %d labels", labels)
	keys := ledgertest.NewLog(b, ledgertest.NewStore(), nil).Keys
	v, err := keys.Open()
	if err != nil {
		b.Fatal(err)
	}
	for _, percent := range []int64{1, 5} {
		var encode, open []time.Duration
		var file int
		for range size(b, "ROUNDS", 5) {
			l, err := ledger.NewStatusList(labels)
			if err != nil {
				b.Fatal(err)
			}
			l.Scheme, l.Origin, l.Tree, l.AsOf, l.Expires = "sample", keys.Origin, labels, ledgertest.Now(), ledgertest.Now().Add(time.Hour)
			x := uint64(1)
			for i := range l.Len() {
				s := ledger.Valid
				if x = x*6364136223846793005 + 1442695040888963407; int64(x>>33)%100 < percent {
					s = []ledger.Status{ledger.Revoked, ledger.Withdrawn, ledger.Lapsed}[x>>60%3]
				}
				if err := l.Set(i, s); err != nil {
					b.Fatal(err)
				}
			}
			from := time.Now()
			payload, err := l.Payload()
			if err != nil {
				b.Fatal(err)
			}
			jws, err := ledger.SignStatus(payload, ledgertest.Key("status"))
			if err != nil {
				b.Fatal(err)
			}
			encode, file = append(encode, time.Since(from)), len(jws)
			from = time.Now()
			if _, _, err := v.OpenStatus(jws); err != nil {
				b.Fatal(err)
			}
			open = append(open, time.Since(from))
		}
		line("%d %% not valid: %.0f KB as a file, sign %.0f ms, verify and open %.0f ms", percent, float64(file)/1000, ms(median(encode)), ms(median(open)))
	}
}
