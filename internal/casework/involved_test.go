package casework_test

import (
	"context"
	"testing"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/fault"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// joins gives a natural person an account with which they act for another's organisation too.
func joins(t *testing.T, w *caseworktest.World, who policy.Actor, organisation policy.Actor) (leave func()) {
	t.Helper()
	ctx := context.Background()
	id := "side-" + who.PersonID
	err := w.DB.Update(ctx, func(tx *store.Tx) error {
		a := scheme.Account{ID: id, PersonID: who.PersonID, Login: id + "@example.jp"}
		if err := store.InsertAccount(ctx, tx, store.Credentials{Account: a}); err != nil {
			return err
		}
		return store.InsertMembership(ctx, tx, scheme.Membership{ID: id, AccountID: id, OrganisationID: organisation.OrganisationID, Role: scheme.Applicant, From: tx.At})
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := w.DB.Update(ctx, func(tx *store.Tx) error { return store.EndMembership(ctx, tx, id) }); err != nil {
			t.Fatal(err)
		}
	}
}

// An officer who acts for the vendor too, with an account of another name, neither
// proposes nor decides about that vendor; about others they do.
func TestInvolvedOfficer(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		accepted := w.In(t, w.Vendor, scheme.ApplicationAccepted)
		proposed := w.In(t, w.Vendor, scheme.ApplicationProposed)
		granted := w.Granted(t, w.Vendor)
		r, err := w.ProposeRevocation(ctx, w.Officer, granted.ID, scheme.GroundFalseApplication, "申請内容が事実と異なりました", "")
		if err != nil {
			t.Fatal(err)
		}
		leave := joins(t, w, w.Second, w.Vendor)
		for name, err := range map[string]error{
			"propose a grant":      second(w.ProposeGrant(ctx, w.Second, accepted.ID, accepted.Version, "", "")),
			"propose a refusal":    second(w.ProposeDecline(ctx, w.Second, accepted.ID, accepted.Version, "足りません", "")),
			"grant":                second(w.Grant(ctx, w.Second, proposed.ID, proposed.Version, "")),
			"confirm a revocation": second(w.ConfirmRevocation(ctx, w.Second, r.ID, r.Version, "")),
			"dismiss a revocation": second(w.DismissRevocation(ctx, w.Second, r.ID, r.Version, "問題ありません", "")),
		} {
			if !fault.Is(err, fault.Denied) {
				t.Errorf("%s: %v", name, err)
			}
		}
		other := w.In(t, w.Rival, scheme.ApplicationProposed)
		if err := second(w.Grant(ctx, w.Second, other.ID, other.Version, "")); err != nil {
			t.Errorf("another vendor's: %v", err)
		}
		leave()
		if err := second(w.Grant(ctx, w.Second, proposed.ID, proposed.Version, "")); err != nil {
			t.Errorf("after they have left the vendor: %v", err)
		}
	})
}

// A person of the vendor does not sign as its outside evaluator, whatever account they come with.
func TestInvolvedEvaluator(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		e := w.Evaluated(t, w.Vendor)
		e.Class, e.EvaluatorOrgID = scheme.ClassVerification, w.Lab.OrganisationID
		e, err := w.SaveEvaluation(ctx, w.Vendor, e)
		if err != nil {
			t.Fatal(err)
		}
		leave := joins(t, w, w.Lab, w.Vendor)
		if err := second(w.SignEvaluation(ctx, w.Lab, e.ID, e.Version, "", false)); !fault.Is(err, fault.Denied) {
			t.Errorf("signs for both sides: %v", err)
		}
		leave()
		if err := second(w.SignEvaluation(ctx, w.Lab, e.ID, e.Version, "", false)); err != nil {
			t.Errorf("after they have left the vendor: %v", err)
		}
	})
}
