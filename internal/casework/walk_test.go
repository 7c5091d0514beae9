package casework_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/fault"
	"hoshi/internal/ledger"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/store/sqlite"
)

// People do anything in any order for a while. Whatever they did: no label without
// two persons, no number used twice or left out, nothing that was revoked comes
// back, and log, rows and public rows tell the same story.
func TestRandomWalk(t *testing.T) {
	checks, steps := "8", 250
	if os.Getenv("HOSHI_SOAK") == "1" {
		checks, steps = "400", 400
	}
	if err := flag.Set("rapid.checks", checks); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprintf("%d.db", n))
		w := world(t, sqlite.Engine{Path: path}, 7)
		walk(t, rt, w, steps)
		if err := w.DB.Close(); err != nil {
			t.Fatal(err)
		}
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(path + suffix) // the folder goes with the test
		}
	})
	if t.Logf("%d walks: %d labels, %d revoked", n, walked.labels, walked.revoked); walked.labels == 0 || walked.revoked == 0 {
		t.Error("the walks do not get to labels and revocations")
	}
}

// walked counts what walks got to, so that a walk that goes nowhere is noticed.
var walked struct{ labels, revoked int }

func walk(t *testing.T, rt *rapid.T, w *caseworktest.World, steps int) {
	ctx := context.Background()
	people := []policy.Actor{w.Vendor, w.Vendor, w.Vendor, w.Rival, w.Officer, w.Officer, w.Twin, w.Second, w.Second, w.Lab, w.Nobody}
	var apps, labels, revocations []string
	revoked := map[string]int64{} // label → its version when it was revoked
	pick := func(name string, list []string) string {
		return list[rapid.IntRange(0, len(list)-1).Draw(rt, name)]
	}
	expect := func(err error) {
		switch fault.KindOf(err) {
		case "", fault.Denied, fault.NotFound, fault.Conflict, fault.Invalid:
		default:
			rt.Fatalf("%v", err)
		}
	}
	acts := []string{"begin", "move", "move", "move", "move", "move", "move", "move", "move", "wait", "propose", "confirm", "confirm", "dismiss", "end"}
	vendors := []policy.Actor{w.Vendor, w.Rival}
	labels = append(labels, w.Granted(t, w.Vendor).ID)
	for range steps {
		who := rapid.SampledFrom(people).Draw(rt, "who")
		switch what := rapid.SampledFrom(acts).Draw(rt, "what"); {
		case what == "begin" && len(apps) < 15 || len(apps) == 0:
			// Some begin in the middle, so that a short walk gets somewhere.
			state := rapid.SampledFrom(scheme.ApplicationStates[:5]).Draw(rt, "state")
			apps = append(apps, w.In(t, rapid.SampledFrom(vendors).Draw(rt, "vendor"), state).ID)
		case what == "move" || what == "begin":
			id := pick("application", apps)
			a := current(t, w, id)
			action := rapid.SampledFrom(scheme.ApplicationActions).Draw(rt, "action")
			if rapid.IntRange(0, 4).Draw(rt, "sensible") > 0 { // what the table has, by people of the right role
				var rows []scheme.Transition[scheme.ApplicationState, scheme.ApplicationAction]
				for _, tr := range scheme.ApplicationTable {
					if tr.From == a.State && tr.Action != scheme.ApplicationWithdraw {
						rows = append(rows, tr)
					}
				}
				if len(rows) > 0 {
					tr := rapid.SampledFrom(rows).Draw(rt, "row")
					action = tr.Action
					for who.Role != tr.Who[0] {
						who = rapid.SampledFrom(people).Draw(rt, "who of the role")
					}
				}
			}
			version := a.Version - int64(rapid.IntRange(0, 5).Draw(rt, "stale")/5)
			err := act(w, who, action, id, version)
			expect(err)
			if err == nil && action == scheme.ApplicationGrant {
				labels = append(labels, current(t, w, id).LabelID)
			}
		case what == "wait":
			w.Clock.Advance(time.Duration(rapid.IntRange(1, 300*24).Draw(rt, "hours")) * time.Hour)
			if _, err := w.ExpireDue(ctx); err != nil {
				rt.Fatalf("%v", err)
			}
		case len(labels) == 0:
		case what == "propose":
			r, err := w.ProposeRevocation(ctx, who, pick("label", labels), scheme.GroundDutyNotMet, "義務が果たされません", "")
			expect(err)
			if err == nil {
				revocations = append(revocations, r.ID)
			}
		case what == "confirm" && len(revocations) > 0:
			l, err := w.ConfirmRevocation(ctx, who, revocations[len(revocations)-1], 1, "")
			expect(err)
			if err == nil {
				revoked[l.ID] = l.Version
			}
		case what == "dismiss" && len(revocations) > 0:
			expect(second(w.DismissRevocation(ctx, who, pick("revocation", revocations), 1, "誤りでした", "")))
		default:
			id := pick("label", labels)
			v, err := w.Label(ctx, w.Officer, id)
			if err != nil {
				rt.Fatalf("%v", err)
			}
			if rapid.Bool().Draw(rt, "withdraw") {
				expect(second(w.WithdrawLabel(ctx, who, id, v.Label.Version, "")))
			} else {
				expect(second(w.ReportChange(ctx, who, id, v.Label.Version, "部品を替えました", "")))
			}
		}
	}
	consistent(t, rt, w, len(labels))
	walked.labels += len(labels)
	walked.revoked += len(revoked)
	for id, version := range revoked {
		v, err := w.Label(ctx, w.Officer, id)
		if err != nil || v.Label.State != scheme.LabelRevoked || v.Label.Version != version {
			rt.Fatalf("revoked label %s is %s at version %d, %v", id, v.Label.State, v.Label.Version, err)
		}
	}
}

// consistent compares what the log, the labels, the applications and the public
// rows say. want is the number of labels; -1 = any.
func consistent(t testing.TB, rt interface{ Fatalf(string, ...any) }, w *caseworktest.World, want int) {
	t.Helper()
	ctx := context.Background()
	raw, _ := leaves(t, w)
	replay := ledger.NewReplay()
	for _, l := range raw {
		if err := replay.Add(l); err != nil {
			rt.Fatalf("%v", err)
		}
	}
	err := w.DB.View(ctx, func(tx *store.Tx) error {
		labels, err := store.Labels(ctx, tx, store.Everyone)
		if err != nil {
			return err
		}
		if want >= 0 && len(labels) != want {
			rt.Fatalf("%d labels, want %d", len(labels), want)
		}
		if len(replay.Labels()) != len(labels) || replay.Serials() != int64(len(labels)) {
			rt.Fatalf("%d labels, but the log has %d in %d places", len(labels), len(replay.Labels()), replay.Serials())
		}
		numbers := map[string]int{}
		for i, l := range labels { // newest first
			if l.Serial != int64(len(labels)-1-i) {
				rt.Fatalf("label %d has place %d", len(labels)-1-i, l.Serial)
			}
			numbers[fmt.Sprint(l.Registration[:len("HS1-2026-")])]++
			told := replay.Labels()[l.ID]
			if told == nil || told.Registration != l.Registration || told.Serial != l.Serial || told.Expires != l.LastDay.String() ||
				byte(told.Status) != l.State.StatusBits() || told.Expired != (l.State == scheme.LabelExpired) && l.State != scheme.LabelRevoked {
				rt.Fatalf("label %+v, but the log tells %+v", l, told)
			}
			row, err := store.PublicLabelOf(ctx, tx, l.ID)
			if err != nil {
				return err
			}
			if row.State != l.State || row.Serial != l.Serial || row.LastDay != l.LastDay || row.Reason != l.Reason {
				rt.Fatalf("label %+v, but the public row says %+v", l, row)
			}
			a, err := store.Application(ctx, tx, l.ApplicationID, store.Everyone)
			if err != nil {
				return err
			}
			if a.State != scheme.ApplicationGranted || a.LabelID != l.ID || a.Proposal == nil || a.Decision == nil ||
				a.Proposal.By == a.Decision.By || a.Proposal.Snapshot != l.Snapshot {
				rt.Fatalf("label %s rests on %+v", l.ID, a)
			}
		}
		// Each series counts from 1 without gaps.
		seen := map[string]bool{}
		for _, l := range labels {
			seen[l.Registration] = true
		}
		for prefix, n := range numbers {
			for i := 1; i <= n; i++ {
				if number := fmt.Sprintf("%s%05d", prefix, i); !seen[number] {
					rt.Fatalf("%s is missing among %v", number, seen)
				}
			}
		}
		return nil
	})
	if err != nil {
		rt.Fatalf("%v", err)
	}
}
