package casework_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"hoshi/internal/casework/caseworktest"
	"hoshi/internal/fault"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// leaves returns all leaves, as bytes and decoded.
func leaves(t testing.TB, w *caseworktest.World) (raw [][]byte, decoded []ledger.Leaf) {
	t.Helper()
	err := w.DB.View(context.Background(), func(tx *store.Tx) error {
		return store.EachLeaf(context.Background(), tx, func(body []byte) error {
			l, err := ledger.DecodeLeaf(body)
			raw, decoded = append(raw, body), append(decoded, l)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw, decoded
}

func publicRow(t testing.TB, w *caseworktest.World, id string) store.PublicLabel {
	t.Helper()
	var row store.PublicLabel
	err := w.DB.View(context.Background(), func(tx *store.Tx) (err error) {
		row, err = store.PublicLabelOf(context.Background(), tx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestWholePath(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		l := w.Granted(t, w.Vendor)
		if l.Registration != "HS1-2026-00001" || l.Serial != 0 || l.Issued.String() != "2026-11-23" || l.LastDay.String() != "2028-11-22" {
			t.Errorf("label %+v", l)
		}
		v, err := w.Application(ctx, w.Vendor, l.ApplicationID)
		if err != nil {
			t.Fatal(err)
		}
		a := v.Application
		if a.Number != "A2026-0001" || a.Acceptance != "R2026-0001" || a.State != scheme.ApplicationGranted || a.LabelID != l.ID {
			t.Errorf("application %+v", a)
		}
		if a.Proposal != nil {
			t.Error("the applicant sees the proposal")
		}
		if len(v.Actions) != 0 {
			t.Errorf("a granted application can still %v", v.Actions)
		}

		row := publicRow(t, w, l.ID)
		raw, ls := leaves(t, w)
		if len(ls) != 1 || ls[0].ID != row.LeafID || ls[0].Type != ledger.LabelGranted || *ls[0].Subject.Serial != 0 {
			t.Fatalf("leaves %+v, row on %s", ls, row.LeafID)
		}
		st, err := label.Decode(row.Doc)
		if err != nil {
			t.Fatal(err)
		}
		body, err := st.Leaf.Encode()
		if err != nil || string(body) != string(raw[0]) {
			t.Errorf("the statement's leaf is not the log's: %v", err)
		}
		for _, r := range st.Label.Results {
			want := map[string]string{"T-01": "多要素認証も使えます", "T-03": "更新の経路がありません"}[r.Criterion]
			if r.Reason != want {
				t.Errorf("%s: public reason %q, want %q", r.Criterion, r.Reason, want)
			}
		}
		if st.Product.NameEN != "Watch Camera" || st.Label.ApplicantEN != "Hoshino Electric" {
			t.Errorf("English names %q, %q", st.Product.NameEN, st.Label.ApplicantEN)
		}
		for field, salt := range st.Salts {
			if salt == "" || ls[0].Commitments[field] == "" {
				t.Errorf("%s has no commitment", field)
			}
		}
		// What the vendor keeps back, and what has no place on the page at all.
		public := string(row.Doc) + row.Folded + string(raw[0])
		for _, secret := range []string{caseworktest.SecretMaker, caseworktest.SecretLand, "連絡 担当", "contact@vendor.example", "設計書",
			"Name tanaka", "tanaka", "hoshino@", "product.manufacturer\":\"S", "整っています"} {
			if strings.Contains(strings.ToLower(public), strings.ToLower(secret)) {
				t.Errorf("%q is public", secret)
			}
		}
		if _, ok := st.Salts["product.manufacturer"]; ok {
			t.Error("the salt of a private field is public")
		}
		if ls[0].Commitments["product.manufacturer"] == "" {
			t.Error("a private field is not committed to")
		}
		var jobs []store.Job
		var trail []store.AuditRow
		err = w.DB.View(ctx, func(tx *store.Tx) (err error) {
			if jobs, err = store.Jobs(ctx, tx, store.JobAvailable); err != nil {
				return err
			}
			trail, err = store.Audit(ctx, tx, "application", a.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) != 1 || jobs[0].Kind != "publish-label" || !strings.Contains(string(jobs[0].Args), l.ID) {
			t.Errorf("jobs %+v", jobs)
		}
		var acts []string
		for _, r := range trail {
			acts = append(acts, r.Action+" "+r.PersonID)
		}
		// Rows of one instant stand in no order.
		for _, want := range []string{"application.submit hoshino", "application.accept tanaka", "application.propose-grant tanaka", "application.grant suzuki"} {
			if !strings.Contains(strings.Join(acts, ","), want) {
				t.Errorf("%q is not in the trail %v", want, acts)
			}
		}
	})
}

// The same natural person cannot grant, whatever account or membership they come with.
func TestFourEyes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		a := w.In(t, w.Vendor, scheme.ApplicationProposed)
		forged := w.Officer
		forged.PersonID = "suzuki" // a token that claims to be another person
		for name, actor := range map[string]struct {
			who scheme.Role
			err error
		}{
			"the proposer":              {err: second(w.Grant(ctx, w.Officer, a.ID, a.Version, ""))},
			"the proposer's other self": {err: second(w.Grant(ctx, w.Twin, a.ID, a.Version, ""))},
			"a forged person":           {err: second(w.Grant(ctx, forged, a.ID, a.Version, ""))},
			"the vendor":                {err: second(w.Grant(ctx, w.Vendor, a.ID, a.Version, ""))},
		} {
			if !fault.Is(actor.err, fault.Denied) {
				t.Errorf("%s: %v", name, actor.err)
			}
		}
		if err := second(w.Grant(ctx, w.Rival, a.ID, a.Version, "")); !fault.Is(err, fault.NotFound) {
			t.Errorf("another vendor: %v", err)
		}
		if raw, _ := leaves(t, w); len(raw) != 0 {
			t.Errorf("%d leaves after refusals", len(raw))
		}
		l, err := w.Grant(ctx, w.Second, a.ID, a.Version, "")
		if err != nil {
			t.Fatal(err)
		}
		// Revocation: the same rule.
		r, err := w.ProposeRevocation(ctx, w.Officer, l.ID, scheme.GroundFalseApplication, "申請内容が事実と異なりました", "")
		if err != nil {
			t.Fatal(err)
		}
		for _, who := range []error{second(w.ConfirmRevocation(ctx, w.Officer, r.ID, r.Version, "")), second(w.ConfirmRevocation(ctx, w.Twin, r.ID, r.Version, ""))} {
			if !fault.Is(who, fault.Denied) {
				t.Errorf("own revocation: %v", who)
			}
		}
		if l, err = w.ConfirmRevocation(ctx, w.Second, r.ID, r.Version, ""); err != nil || l.State != scheme.LabelRevoked {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		a := w.In(t, w.Vendor, scheme.ApplicationProposed)
		first, err := w.Grant(ctx, w.Second, a.ID, a.Version, "token")
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.Grant(ctx, w.Second, a.ID, a.Version, "token")
		if err != nil {
			t.Fatalf("the form sent twice: %v", err)
		}
		x, _ := json.Marshal(first)
		y, _ := json.Marshal(again)
		if string(x) != string(y) {
			t.Errorf("%s\n%s", x, y)
		}
		if raw, _ := leaves(t, w); len(raw) != 1 {
			t.Errorf("%d leaves", len(raw))
		}
		// A refused act can be sent again with the same token.
		p := caseworktest.Product()
		p.URL = "nonsense"
		if err := second(w.CreateProduct(ctx, w.Vendor, p, "t2")); !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		p.URL = ""
		if err := second(w.CreateProduct(ctx, w.Vendor, p, "t2")); err != nil {
			t.Error(err)
		}
	})
}

func TestRoleEnded(t *testing.T) {
	onBoth(t, func(t *testing.T, w *caseworktest.World) {
		ctx := context.Background()
		a := w.In(t, w.Vendor, scheme.ApplicationProposed)
		err := w.DB.Update(ctx, func(tx *store.Tx) error { return store.EndMembership(ctx, tx, w.Second.MembershipID) })
		if err != nil {
			t.Fatal(err)
		}
		if err := second(w.Grant(ctx, w.Second, a.ID, a.Version, "")); !fault.Is(err, fault.Denied) {
			t.Errorf("grant: %v", err)
		}
		if err := second(w.Application(ctx, w.Second, a.ID)); !fault.Is(err, fault.Denied) {
			t.Errorf("view: %v", err)
		}
	})
}
