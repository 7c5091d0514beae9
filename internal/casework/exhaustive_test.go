package casework_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/fault"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
)

// act does one action of the table on an application.
func act(w *caseworktest.World, who policy.Actor, action scheme.ApplicationAction, id string, version int64) error {
	ctx := context.Background()
	switch action {
	case scheme.ApplicationEdit:
		return second(w.SaveApplication(ctx, who, id, version, caseworktest.Form()))
	case scheme.ApplicationSubmit:
		return second(w.Submit(ctx, who, id, version, ""))
	case scheme.ApplicationAsk:
		return second(w.Ask(ctx, who, id, version, []scheme.Comment{{Text: "なぜですか"}}, ""))
	case scheme.ApplicationAccept:
		return second(w.Accept(ctx, who, id, version, ""))
	case scheme.ApplicationProposeGrant:
		return second(w.ProposeGrant(ctx, who, id, version, "整っています", ""))
	case scheme.ApplicationProposeDecline:
		return second(w.ProposeDecline(ctx, who, id, version, "足りません", ""))
	case scheme.ApplicationSendBack:
		return second(w.SendBack(ctx, who, id, version, "もう一度", ""))
	case scheme.ApplicationGrant:
		return second(w.Grant(ctx, who, id, version, ""))
	case scheme.ApplicationDecline:
		return second(w.Decline(ctx, who, id, version, "足りません", ""))
	case scheme.ApplicationWithdraw:
		return second(w.WithdrawApplication(ctx, who, id, version, ""))
	}
	return fmt.Errorf("no such action: %s", action)
}

type actor struct {
	name string
	who  policy.Actor
}

func actors(w *caseworktest.World) []actor {
	return []actor{
		{"applicant", w.Vendor}, {"another applicant", w.Rival}, {"newcomer", w.Nobody}, {"evaluator", w.Lab},
		{"officer", w.Officer}, {"officer's other account", w.Twin}, {"another officer", w.Second},
		{"system", policy.SystemActor}, {"anybody", policy.Actor{Role: scheme.Public}},
	}
}

// expected is what the table, the policy and four eyes say, written without the
// service: the state after, or the kinds of refusal.
func expected(who actor, a scheme.Application, declining bool, action scheme.ApplicationAction) (scheme.ApplicationState, []fault.Kind) {
	refused := []fault.Kind{fault.Denied, fault.NotFound, fault.Unauthenticated}
	var mayEver bool
	for _, tr := range scheme.ApplicationTable {
		mayEver = mayEver || tr.Action == action && slices.Contains(tr.Who, who.who.Role)
	}
	switch {
	case !mayEver:
		return "", refused
	case who.who.Role == scheme.Applicant && who.name != "applicant":
		return "", []fault.Kind{fault.NotFound}
	case who.who.Role == scheme.Officer && a.Submitted.IsZero():
		return "", []fault.Kind{fault.NotFound}
	}
	tr, ok := scheme.ApplicationTable.Find(a.State, action)
	if !ok {
		return "", []fault.Kind{fault.Conflict}
	}
	if action == scheme.ApplicationGrant && declining || action == scheme.ApplicationDecline && !declining {
		return "", []fault.Kind{fault.Conflict}
	}
	if tr.Has(scheme.GuardAnotherPerson) && who.name != "another officer" {
		return "", []fault.Kind{fault.Denied}
	}
	return tr.To, nil
}

// For each state of an application, each action and each person in each role, the
// service does exactly what the table says, refuses a stale version, and the page
// offers exactly what would succeed.
func TestEveryStateActionRole(t *testing.T) {
	w := onSQLite(t)
	ctx := context.Background()
	type start struct {
		state     scheme.ApplicationState
		declining bool
	}
	var starts []start
	for _, s := range scheme.ApplicationStates {
		starts = append(starts, start{state: s})
	}
	starts = append(starts, start{scheme.ApplicationProposed, true})

	cases := 0
	for _, st := range starts {
		fresh := func() scheme.Application {
			if !st.declining {
				a := w.In(t, w.Vendor, st.state)
				return current(t, w, a.ID)
			}
			a := w.In(t, w.Vendor, scheme.ApplicationAccepted)
			a, err := w.ProposeDecline(ctx, w.Officer, a.ID, a.Version, "足りません", "")
			if err != nil {
				t.Fatal(err)
			}
			return current(t, w, a.ID)
		}
		a := fresh()
		for _, who := range actors(w) {
			var offered, succeeds []string
			if v, err := w.Application(ctx, who.who, a.ID); err == nil {
				for _, x := range v.Actions {
					if x.Allowed {
						offered = append(offered, x.Action)
					} else if x.Why == "" {
						t.Errorf("%s in %s: %s is refused without a reason", who.name, st.state, x.Action)
					}
				}
			} else if !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Denied) && !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("%s looks at %s: %v", who.name, st.state, err)
			}
			for _, action := range scheme.ApplicationActions {
				cases++
				name := fmt.Sprintf("%s by %s in %s (declining: %v)", action, who.name, st.state, st.declining)
				to, kinds := expected(who, a, st.declining, action)
				if kinds == nil {
					if err := act(w, who.who, action, a.ID, a.Version-1); !fault.Is(err, fault.Conflict) {
						t.Errorf("%s at a stale version: %v", name, err)
					}
				}
				err := act(w, who.who, action, a.ID, a.Version)
				after := current(t, w, a.ID)
				if kinds != nil {
					if !slices.Contains(kinds, fault.KindOf(err)) {
						t.Errorf("%s: %v, want %v", name, err, kinds)
					}
					if d := cmp.Diff(a, after); d != "" {
						t.Fatalf("%s was refused and changed something:\n%s", name, d)
					}
					continue
				}
				succeeds = append(succeeds, string(action))
				if err != nil || after.State != to {
					t.Errorf("%s: %s, %v; want %s", name, after.State, err, to)
				}
				a = fresh()
			}
			slices.Sort(offered)
			slices.Sort(succeeds)
			if d := cmp.Diff(succeeds, offered); d != "" {
				t.Errorf("what %s is offered in %s (-succeeds +offered):\n%s", who.name, st.state, d)
			}
		}
	}
	t.Logf("%d cases", cases)
}

// current is the whole application as the database holds it.
func current(t testing.TB, w *caseworktest.World, id string) scheme.Application {
	t.Helper()
	a, err := caseworktest.Application(w.DB, id)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The same for labels: each state, each end, each person.
func TestEveryLabelStateActionRole(t *testing.T) {
	w := onSQLite(t)
	ctx := context.Background()
	make := map[scheme.LabelState]func() scheme.Label{}
	get := func(id string) scheme.Label {
		v, err := w.Label(ctx, w.Officer, id)
		if err != nil {
			t.Fatal(err)
		}
		return v.Label
	}
	ok := func(l scheme.Label, err error) scheme.Label {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	granted := func() scheme.Label { return w.Granted(t, w.Vendor) }
	make[scheme.LabelValid] = granted
	make[scheme.LabelWithdrawn] = func() scheme.Label {
		l := granted()
		return ok(w.WithdrawLabel(ctx, w.Vendor, l.ID, l.Version, ""))
	}
	make[scheme.LabelLapsed] = func() scheme.Label {
		l := granted()
		return ok(w.ReportChange(ctx, w.Vendor, l.ID, l.Version, "無線部品を替えました", ""))
	}
	make[scheme.LabelRevoked] = func() scheme.Label {
		l := granted()
		r, err := w.ProposeRevocation(ctx, w.Officer, l.ID, scheme.GroundDutyNotMet, "義務が果たされません", "")
		if err != nil {
			t.Fatal(err)
		}
		return ok(w.ConfirmRevocation(ctx, w.Second, r.ID, r.Version, ""))
	}
	make[scheme.LabelExpired] = func() scheme.Label {
		l := granted()
		w.Clock.Advance(l.LastDay.End(w.Settings.Location()).Sub(w.Clock.Now()))
		if _, err := w.ExpireDue(ctx); err != nil {
			t.Fatal(err)
		}
		return get(l.ID)
	}
	do := map[scheme.LabelAction]func(who policy.Actor, l scheme.Label) error{
		scheme.LabelWithdraw: func(who policy.Actor, l scheme.Label) error {
			return second(w.WithdrawLabel(ctx, who, l.ID, l.Version, ""))
		},
		scheme.LabelReportChange: func(who policy.Actor, l scheme.Label) error {
			return second(w.ReportChange(ctx, who, l.ID, l.Version, "部品を替えました", ""))
		},
		// The actor confirms what another proposed; who proposes and confirms alone is TestFourEyes.
		scheme.LabelRevoke: func(who policy.Actor, l scheme.Label) error {
			proposer := w.Officer
			if who.PersonID == proposer.PersonID {
				proposer = w.Second
			}
			r, err := w.ProposeRevocation(ctx, proposer, l.ID, scheme.GroundNotConforming, "適合しなくなりました", "")
			if err != nil {
				return err
			}
			err = second(w.ConfirmRevocation(ctx, who, r.ID, r.Version, ""))
			if err != nil {
				if _, err := w.DismissRevocation(ctx, proposer, r.ID, r.Version, "試験のため", ""); err != nil {
					t.Fatal(err)
				}
			}
			return err
		},
		scheme.LabelExpire: func(who policy.Actor, l scheme.Label) error {
			if who.Role != scheme.System {
				return fault.New(fault.Denied, "test", "fault.denied") // there is no other way to ask for it
			}
			n, err := w.ExpireDue(ctx)
			if err == nil && n == 0 {
				return fault.New(fault.Conflict, "test", "fault.conflict")
			}
			return err
		},
	}
	for _, state := range scheme.LabelStates {
		for _, action := range scheme.LabelActions {
			for _, who := range actors(w) {
				l := make[state]()
				if l.State != state {
					t.Fatalf("made %s, want %s", l.State, state)
				}
				tr, found := scheme.LabelTable.Find(state, action)
				want := found && slices.Contains(tr.Who, who.who.Role) && (who.who.Role != scheme.Applicant || who.name == "applicant")
				if action == scheme.LabelExpire {
					want = false // its last day is not over; see TestExpiry
				}
				before, _ := leaves(t, w)
				err := do[action](who.who, l)
				after := get(l.ID)
				raw, _ := leaves(t, w)
				row := publicRow(t, w, l.ID)
				if (err == nil) != want {
					t.Errorf("%s by %s in %s: %v, want success: %v", action, who.name, state, err, want)
				}
				if !want && (after.State != state || len(raw) != len(before)) {
					t.Errorf("%s by %s in %s was refused and changed something", action, who.name, state)
				}
				if want && (after.State != tr.To || len(raw) != len(before)+1) {
					t.Errorf("%s by %s in %s: %s with %d new leaves, want %s", action, who.name, state, after.State, len(raw)-len(before), tr.To)
				}
				if row.State != after.State || row.Reason != after.Reason || !row.Since.Equal(after.Since) {
					t.Errorf("%s: the public row says %s %q", after.State, row.State, row.Reason)
				}
			}
		}
	}
}

// A label holds through its inclusive last day in Japan and ends with it.
func TestExpiry(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		l := w.Granted(t, w.Vendor)
		end := l.LastDay.End(w.Settings.Location())
		w.Clock.Advance(end.Sub(w.Clock.Now()) - time.Second)
		if n, err := w.ExpireDue(ctx); n != 0 || err != nil {
			t.Fatalf("a second before midnight in Tokyo: %d, %v", n, err)
		}
		if v, err := w.Label(ctx, w.Vendor, l.ID); err != nil || v.Status != scheme.StatusValid {
			t.Errorf("%s, %v", v.Status, err)
		}
		w.Clock.Advance(time.Second)
		if v, err := w.Label(ctx, w.Vendor, l.ID); err != nil || v.Status != scheme.StatusExpired || v.Label.State != scheme.LabelValid {
			t.Errorf("before the clock's job: %s (%s), %v", v.Status, v.Label.State, err)
		}
		if n, err := w.ExpireDue(ctx); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := w.ExpireDue(ctx); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
		if v, err := w.Label(ctx, w.Vendor, l.ID); err != nil || v.Label.State != scheme.LabelExpired {
			t.Errorf("%s, %v", v.Label.State, err)
		}
	})
}

// A change report ends the label at once; what changed stays between vendor and
// scheme. A revocation is told to the public with its reason, in row and leaf.
func TestEndsInPublic(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		l := w.Granted(t, w.Vendor)
		const secret = "秘密の部品-SecretPart"
		if _, err := w.ReportChange(ctx, w.Vendor, l.ID, l.Version, secret, ""); err != nil {
			t.Fatal(err)
		}
		row := publicRow(t, w, l.ID)
		if row.State != scheme.LabelLapsed || row.Ground != "change-report" || row.Reason != "" || row.LastLeafID == row.LeafID {
			t.Errorf("%+v", row)
		}
		raw, _ := leaves(t, w)
		if strings.Contains(string(raw[1])+row.Reason+string(row.Doc), "SecretPart") {
			t.Error("the change is public")
		}
		if v, err := w.Label(ctx, w.Officer, l.ID); err != nil || len(v.Reports) != 1 || v.Reports[0].What != secret {
			t.Errorf("%+v, %v", v.Reports, err)
		}
		// It can still be revoked, so that a false application is told.
		r, err := w.ProposeRevocation(ctx, w.Second, l.ID, scheme.GroundFalseApplication, "虚偽の申請でした", "")
		if err != nil {
			t.Fatal(err)
		}
		if v, err := w.Label(ctx, w.Vendor, l.ID); err != nil || v.Revocation != nil {
			t.Errorf("the vendor reads an open proposal: %+v, %v", v.Revocation, err)
		}
		if err := second(w.ProposeRevocation(ctx, w.Officer, l.ID, scheme.GroundFalseApplication, "もう一つ", "")); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second open proposal: %v", err)
		}
		if _, err := w.ConfirmRevocation(ctx, w.Officer, r.ID, r.Version, ""); err != nil {
			t.Fatal(err)
		}
		row = publicRow(t, w, l.ID)
		if row.State != scheme.LabelRevoked || row.Reason != "虚偽の申請でした" || row.Ground != "false-application" || row.ReasonSalt == "" {
			t.Errorf("%+v", row)
		}
		_, ls := leaves(t, w)
		if last := ls[len(ls)-1]; last.Reason != "false-application" || last.Commitments["reason"] == "" || last.ID != row.LastLeafID {
			t.Errorf("%+v", last)
		}
	})
}

// While a revocation is open the vendor cannot escape it by withdrawing.
func TestNoEscapeFromRevocation(t *testing.T) {
	w := onSQLite(t)
	ctx := context.Background()
	l := w.Granted(t, w.Vendor)
	r, err := w.ProposeRevocation(ctx, w.Officer, l.ID, scheme.GroundNotCorrected, "是正されません", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := second(w.WithdrawLabel(ctx, w.Vendor, l.ID, l.Version, "")); !fault.Is(err, fault.Conflict) {
		t.Errorf("%v", err)
	}
	if err := second(w.DismissRevocation(ctx, w.Second, r.ID, r.Version, "", "")); !fault.Is(err, fault.Invalid) {
		t.Errorf("dismissed without a reason: %v", err)
	}
	if _, err := w.DismissRevocation(ctx, w.Second, r.ID, r.Version, "是正を確かめました", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.WithdrawLabel(ctx, w.Vendor, l.ID, l.Version, ""); err != nil {
		t.Error(err)
	}
}
