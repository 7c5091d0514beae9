package casework_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"hoshi/internal/casework"
	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/fault"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/store/storetest"
)

// twoServices are two processes' worth of service on one database.
func twoServices(t *testing.T, run func(t *testing.T, a, b *caseworktest.World)) {
	storetest.Engines(t, func(t *testing.T, e store.Engine) {
		a := world(t, e, 1)
		other := *a.Service
		other.DB, other.Rand = storetest.Open(t, e, a.Clock.Now), caseworktest.Rand(2)
		b := *a
		b.Service = &other
		run(t, a, &b)
	})
}

// Two services grant the same applications at the same time: each is granted once,
// numbers have no gap, and the log agrees.
func TestTwoServicesGrant(t *testing.T) {
	twoServices(t, func(t *testing.T, one, two *caseworktest.World) {
		ctx := context.Background()
		const n = 24
		var apps []scheme.Application
		for range n {
			apps = append(apps, one.In(t, one.Vendor, scheme.ApplicationProposed))
		}
		var granted, conflicts atomic.Int64
		var wg sync.WaitGroup
		for i, a := range apps {
			for j, w := range []*caseworktest.World{one, two} {
				wg.Go(func() {
					_, err := w.Grant(ctx, w.Second, a.ID, a.Version, "")
					switch {
					case err == nil:
						granted.Add(1)
					case fault.Is(err, fault.Conflict):
						conflicts.Add(1)
					default:
						t.Errorf("application %d by service %d: %v", i, j, err)
					}
				})
			}
		}
		wg.Wait()
		if granted.Load() != n || conflicts.Load() != n {
			t.Errorf("%d granted, %d refused; want %d each", granted.Load(), conflicts.Load(), n)
		}
		consistent(t, t, one, n)
	})
}

// The same form sent twice at the same moment, through two services, acts once.
func TestTwiceAtOnce(t *testing.T) {
	twoServices(t, func(t *testing.T, one, two *caseworktest.World) {
		ctx := context.Background()
		for i := range 10 {
			var ids [2]string
			var wg sync.WaitGroup
			for j, w := range []*caseworktest.World{one, two} {
				wg.Go(func() {
					p, err := w.CreateProduct(ctx, w.Vendor, caseworktest.Product(), token(i))
					if err != nil {
						t.Error(err)
					}
					ids[j] = p.ID
				})
			}
			wg.Wait()
			if ids[0] != ids[1] {
				t.Errorf("two products: %v", ids)
			}
		}
		if list, err := one.Products(ctx, one.Vendor); err != nil || len(list) != 10 {
			t.Errorf("%d products, %v", len(list), err)
		}
	})
}

// A vendor changes the evaluation at the moment of submission: either the change is
// in what was submitted, or it is refused; never after it.
func TestSubmitAgainstSave(t *testing.T) {
	twoServices(t, func(t *testing.T, one, two *caseworktest.World) {
		ctx := context.Background()
		for range 10 {
			a := one.Draft(t, one.Vendor)
			v, err := one.Evaluation(ctx, one.Vendor, a.EvaluationID)
			if err != nil {
				t.Fatal(err)
			}
			e := v.Evaluation
			e.Answers[0].Justification = "あとから書き直しました"
			var wg sync.WaitGroup
			var saveErr, submitErr error
			wg.Go(func() { saveErr = second(two.SaveEvaluation(ctx, two.Vendor, e)) })
			wg.Go(func() { submitErr = second(one.Submit(ctx, one.Vendor, a.ID, a.Version, "")) })
			wg.Wait()
			if submitErr != nil || (saveErr != nil && !fault.Is(saveErr, fault.Conflict)) {
				t.Fatalf("%v, %v", submitErr, saveErr)
			}
			app, err := one.Application(ctx, one.Vendor, a.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got, now := app.Snapshot.Evaluation.Version, app.Evaluation.Version; got != now {
				t.Errorf("submitted at version %d, now %d", got, now)
			}
		}
	})
}

// Withdrawal and revocation race: one of them ends the label, the log tells the same.
func TestEndsRace(t *testing.T) {
	twoServices(t, func(t *testing.T, one, two *caseworktest.World) {
		ctx := context.Background()
		for range 6 {
			l := one.Granted(t, one.Vendor)
			r, err := one.ProposeRevocation(ctx, one.Officer, l.ID, scheme.GroundDutyNotMet, "義務が果たされません", "")
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			acts := []func() error{
				func() error { return second(two.ReportChange(ctx, two.Vendor, l.ID, l.Version, "部品", "")) },
				func() error { return second(one.ConfirmRevocation(ctx, one.Second, r.ID, r.Version, "")) },
				func() error { return second(two.ConfirmRevocation(ctx, two.Second, r.ID, r.Version, "")) },
				func() error { return second(one.WithdrawLabel(ctx, one.Vendor, l.ID, l.Version, "")) },
			}
			var errs [4]error
			for i, do := range acts {
				wg.Go(func() { errs[i] = do() })
			}
			wg.Wait()
			for i, err := range errs {
				if err != nil && !fault.Is(err, fault.Conflict) {
					t.Errorf("act %d: %v", i, err)
				}
			}
			if (errs[1] == nil) == (errs[2] == nil) {
				t.Errorf("one of two confirmations counts: %v, %v", errs[1], errs[2])
			}
		}
		consistent(t, t, one, 6)
	})
}

func token(i int) casework.Once { return casework.Once(fmt.Sprint("token", i)) }
