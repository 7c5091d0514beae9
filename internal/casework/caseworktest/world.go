// Package caseworktest is a small scheme with people in it, for tests of use
// cases and of what stands on them. Start at [New].
package caseworktest

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"hoshi/internal/blob"
	"hoshi/internal/casework"
	"hoshi/internal/criteria"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
	"hoshi/internal/testkit"
)

// Start is the instant at which a world's clock stands first: 09:00 on 23 November
// 2026 in Tokyo.
var Start = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// EditionID is the id of the edition in [Edition].
const EditionID = "test-1"

// World is a service with people.
type World struct {
	*casework.Service
	Clock *testkit.Clock

	Vendor  policy.Actor // applicant of a vendor
	Rival   policy.Actor // applicant of another vendor
	Nobody  policy.Actor // an account without an organisation
	Lab     policy.Actor // evaluator of an organisation that acts in all classes
	Officer policy.Actor // of the scheme owner
	Second  policy.Actor // another officer
	// Twin is Officer's person with another account and another membership.
	Twin policy.Actor

	// Bundle is what the next opened bundle holds; nil = it is refused.
	Bundle *casework.Sealed
}

// SettingsYAML is the scheme of every world.
const SettingsYAML = `
id: test-scheme
name: {ja: 試験制度, en: Test Scheme}
notice: {ja: 試験のための制度です。, en: A scheme for tests.}
owner: {ja: 試験事務局, en: Test Office}
url: https://star.example/about
host: star.example
zone: Asia/Tokyo
levels:
  - id: star1
    name: {ja: ☆1, en: ☆1}
    stars: 1
    short: "1"
    self_declared: true
    meaning: {ja: ベンダーの宣言, en: The vendor declares}
    editions: [test-1]
numbers:
  application: A{year}-{seq:4}
  acceptance: R{year}-{seq:4}
  provisional: P{year}-{seq:4}
  registration: HS{level}-{year}-{seq:5}
validity: {max_months: 24}
status_list_ttl: 1h
max_bundle_bytes: 1048576
`

// Edition is an edition of four criteria without verdict rules: T-01 and T-03 by
// documents, T-02 by a device test, T-04 by documents and liftable by recognition;
// T-02 cannot be "not applicable".
func Edition() *criteria.Edition {
	e := &criteria.Edition{Frame: criteria.Frame{Format: criteria.Format, ID: EditionID, Level: "star1",
		Title: i18n.Text{JA: "試験版", EN: "Test edition"}}}
	for i, method := range []string{"document", "device", "document", "document"} {
		c := criteria.Criterion{ID: fmt.Sprintf("T-%02d", i+1),
			Title:         criteria.Marked{JA: fmt.Sprintf("基準%d", i+1), EN: fmt.Sprintf("Criterion %d", i+1)},
			Items:         []criteria.Item{{No: 1, Methods: []criteria.Choice{{Is: method}}}},
			NotApplicable: criteria.Exclusion{Possible: method == "document"}}
		if i == 3 {
			c.Exemptions = []criteria.Exemption{{By: "psti"}}
		}
		e.Criteria = append(e.Criteria, c)
	}
	return e
}

// New makes a world on a migrated database whose clock is clock. seed makes ids
// and labels repeatable.
func New(t testing.TB, db *store.DB, clock *testkit.Clock, seed uint64) *World {
	t.Helper()
	settings, err := scheme.LoadSettings("scheme.yaml", []byte(SettingsYAML))
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.Open(t.TempDir(), Start)
	if err != nil {
		t.Fatal(err)
	}
	edition := Edition()
	w := &World{Clock: clock}
	w.Service = &casework.Service{
		DB: db, Settings: settings, Blobs: blobs, Rand: Rand(seed), StatusListURL: "https://star.example/status",
		Editions: func(id string) (*criteria.Edition, error) {
			if id != edition.ID {
				return nil, fault.New(fault.NotFound, "caseworktest", "fault.not-found")
			}
			return edition, nil
		},
		Fold: func(fields ...string) string { return strings.ToLower("\n" + strings.Join(fields, "\n") + "\n") },
		OpenBundle: func(r io.Reader, _ []scheme.SigningKey, _ *criteria.Edition) (*casework.Sealed, error) {
			if _, err := io.Copy(io.Discard, r); err != nil {
				return nil, err
			}
			if w.Bundle == nil {
				return nil, fault.New(fault.Invalid, "caseworktest", "casework.bundle.key")
			}
			return w.Bundle, nil
		},
	}
	w.people(t)
	return w
}

func (w *World) people(t testing.TB) {
	t.Helper()
	orgs := map[string]scheme.Organisation{
		"star":  {Kind: scheme.Vendor, Name: "星野電機株式会社", NameEN: "Hoshino Electric", CorporateNumber: "7000012050002"},
		"rival": {Kind: scheme.Vendor, Name: "月野電機株式会社", NameEN: "Tsukino Electric", CorporateNumber: "5111101000006"},
		"lab":   {Kind: scheme.Evaluating, Name: "評価研究所", Classes: scheme.EvaluatorClasses[2:], Proof: "register"},
		"owner": {Kind: scheme.SchemeOwning, Name: "試験事務局", Proof: "register"},
	}
	people := []struct {
		who          *policy.Actor
		person, acct string
		org          string
		role         scheme.Role
	}{
		{&w.Vendor, "hoshino", "hoshino", "star", scheme.Applicant},
		{&w.Rival, "tsukino", "tsukino", "rival", scheme.Applicant},
		{&w.Nobody, "newcomer", "newcomer", "", scheme.Applicant},
		{&w.Lab, "kensa", "kensa", "lab", scheme.Evaluator},
		{&w.Officer, "tanaka", "tanaka", "owner", scheme.Officer},
		{&w.Second, "suzuki", "suzuki", "owner", scheme.Officer},
		{&w.Twin, "tanaka", "tanaka-2", "owner", scheme.Officer},
	}
	err := w.DB.Update(context.Background(), func(tx *store.Tx) error {
		for id, o := range orgs {
			o.ID, o.Country, o.Version, o.Registered = id, "JP", 1, tx.At
			if err := store.InsertOrganisation(context.Background(), tx, o); err != nil {
				return err
			}
		}
		seen := map[string]bool{}
		for _, p := range people {
			if !seen[p.person] {
				if err := store.InsertPerson(context.Background(), tx, scheme.Person{ID: p.person, Name: "Name " + p.person}); err != nil {
					return err
				}
			}
			seen[p.person] = true
			a := store.Credentials{Account: scheme.Account{ID: p.acct, PersonID: p.person, Login: p.acct + "@example.jp"}}
			if err := store.InsertAccount(context.Background(), tx, a); err != nil {
				return err
			}
			*p.who = policy.Actor{PersonID: p.person, PersonName: "Name " + p.person, AccountID: p.acct, OrganisationID: p.org, Role: p.role}
			if p.org == "" {
				continue
			}
			p.who.MembershipID = "m-" + p.acct
			m := scheme.Membership{ID: p.who.MembershipID, AccountID: p.acct, OrganisationID: p.org, Role: p.role, From: tx.At}
			if err := store.InsertMembership(context.Background(), tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Rand is a repeatable source of randomness that many may share.
func Rand(seed uint64) io.Reader {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return &lockedRand{r: rand.NewChaCha8(key)}
}

type lockedRand struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func (l *lockedRand) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

// Key is a public key in PEM, another for each seed.
func Key(t testing.TB, seed byte) string {
	t.Helper()
	priv := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), seed))
	der, err := x509.MarshalPKIXPublicKey(priv.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}
