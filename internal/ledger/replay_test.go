package ledger_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
)

func publicKey(name string) ed25519.PublicKey {
	return ledgertest.Key(name).Public().(ed25519.PublicKey)
}

// act is a later leaf about the n-th sample label.
func act(ty ledger.Type, n int, id string) ledger.Leaf {
	l := ledgertest.Event(n)
	if ty != ledger.LabelUpdated && ty != ledger.LabelRenewed {
		l = ledger.Leaf{V: 1, At: l.At, Scheme: l.Scheme, Subject: ledger.Subject{Label: l.Subject.Label, Serial: l.Subject.Serial}}
	}
	l.Type, l.ID = ty, id
	return l
}

func TestReplay(t *testing.T) {
	r := ledger.NewReplay()
	renewed := act(ledger.LabelRenewed, 1, "renew-1")
	renewed.Expires = "2030-11-22"
	for _, l := range []ledger.Leaf{
		ledgertest.Event(0), ledgertest.Event(1), ledgertest.Event(2), ledgertest.Event(3),
		act(ledger.LabelSuspended, 0, "s0"), act(ledger.LabelReinstated, 0, "r0"),
		act(ledger.LabelExpired, 1, "x1"), renewed,
		act(ledger.LabelWithdrawn, 2, "w2"), act(ledger.LabelRevoked, 2, "v2"),
		act(ledger.LabelInquiry, 3, "i3"),
	} {
		b, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Add(b); err != nil {
			t.Fatalf("%s: %v", l.ID, err)
		}
	}
	got := map[string]ledger.Status{}
	for _, s := range r.Labels() {
		got[s.Registration] = s.Status
	}
	want := map[string]ledger.Status{"R-00000": ledger.Valid, "R-00001": ledger.Valid, "R-00002": ledger.Revoked, "R-00003": ledger.Investigation}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("statuses (-want +got):\n%s", d)
	}
	one := r.Labels()["LABEL0000001"]
	if one.Expires != "2030-11-22" || one.Expired || one.Public != 7 || one.Last != 7 {
		t.Errorf("renewed label: %+v", one)
	}
	list, err := r.StatusList()
	if err != nil {
		t.Fatal(err)
	}
	if list.Len() != 4 || list.Tree != 11 || list.Get(2) != ledger.Revoked {
		t.Errorf("status list: %d labels, tree %d, label 2 %s", list.Len(), list.Tree, list.Get(2))
	}
}

func TestReplayRefusesContradictions(t *testing.T) {
	twin := ledgertest.Event(1)
	twin.Subject.Label, twin.ID = "OTHER", "other"
	number := ledgertest.Event(2)
	number.Subject.Registration, number.ID = "R-00001", "number"
	again := ledgertest.Event(1)
	again.ID = "again"
	moved := act(ledger.LabelRevoked, 1, "moved")
	n := int64(77)
	moved.Subject.Serial = &n
	for name, late := range map[string][]ledger.Leaf{
		"serial twice":        {twin},
		"registration twice":  {number},
		"granted twice":       {again},
		"event twice":         {ledgertest.Event(1)},
		"never granted":       {act(ledger.LabelRevoked, 5, "r5")},
		"other serial":        {moved},
		"revoked comes back":  {act(ledger.LabelRevoked, 1, "a"), act(ledger.LabelReinstated, 1, "b")},
		"revoked is renewed":  {act(ledger.LabelRevoked, 1, "a"), act(ledger.LabelRenewed, 1, "b")},
		"withdrawn suspended": {act(ledger.LabelWithdrawn, 1, "a"), act(ledger.LabelSuspended, 1, "b")},
		"revoked twice":       {act(ledger.LabelRevoked, 1, "a"), act(ledger.LabelRevoked, 1, "b")},
	} {
		r := ledger.NewReplay()
		var err error
		for _, l := range append([]ledger.Leaf{ledgertest.Event(1)}, late...) {
			b, eerr := l.Encode()
			if eerr != nil {
				t.Fatal(eerr)
			}
			if err != nil {
				t.Fatalf("%s: refused before its last leaf: %v", name, err)
			}
			err = r.Add(b)
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
