package app

import (
	"context"
	"encoding/hex"
	"io"
	"slices"
	"time"

	"hoshi/internal/audit"
	"hoshi/internal/auth"
	"hoshi/internal/fault"
	"hoshi/internal/policy"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Member is a membership that the operator gives or ends. People sign up and
// vendors register themselves in the portal; officers, evaluators and second
// applicants of a vendor come through the operator, who knows who they are.
type Member struct {
	Login    string // e-mail address
	Name     string // of the natural person; not read when the account exists
	Password string // not read when the account exists
	// Existing: the operator has asked the person, and the account that is there
	// already is theirs. Anybody can sign up under any address.
	Existing bool
	// SamePersonAs is the login of another account of this natural person, "" = none
	// known. Four eyes are counted in persons, so two accounts of one are told here.
	SamePersonAs string
	Role         scheme.Role // officer, evaluator or applicant
	// Organisation is found by its corporate number; the scheme owner's is not read.
	// An evaluating organisation that is not there yet is made, and gets the classes.
	Organisation scheme.Organisation
}

// AddMember lets an account act in a role for an organisation. An account that
// does not exist is made; its second step is set up at the first sign-in. The
// organisation of the scheme owner is made when there is none. Doing it twice does
// it once. An account that signed itself up gets no role unless m.Existing says
// whose it is (fault.Conflict): it may be a stranger's, waiting under the address.
func AddMember(ctx context.Context, db *store.DB, set *scheme.Settings, now func() time.Time, rand io.Reader, m Member) error {
	if err := m.check("app.AddMember"); err != nil {
		return err
	}
	c, err := credentials(ctx, db, m.Login)
	found := err == nil
	if fault.Is(err, fault.NotFound) {
		if _, err = auth.New(auth.Options{DB: db, Now: now, Rand: rand}).SignUp(ctx, m.Name, m.Login, m.Password); err == nil {
			c, err = credentials(ctx, db, m.Login)
		}
	}
	if err != nil {
		return err
	}
	var same store.Credentials
	if m.SamePersonAs != "" {
		if same, err = credentials(ctx, db, m.SamePersonAs); err != nil {
			return fault.Wrap(fault.Invalid, "app.AddMember", err, "member.unknown", "login", m.SamePersonAs)
		}
	}
	id, err := ids(rand)
	if err != nil {
		return err
	}
	return db.Update(ctx, func(tx *store.Tx) error {
		if found && !m.Existing {
			if err := knownToOperator(ctx, tx, c); err != nil {
				return err
			}
		}
		if same.ID != "" && same.PersonID != c.PersonID {
			if err := store.SetAccountPerson(ctx, tx, c.ID, same.PersonID); err != nil {
				return err
			}
		}
		org, err := m.organisation(ctx, tx, set, id())
		if err != nil {
			return err
		}
		have, err := open(ctx, tx, c.ID, org, m.Role)
		if err != nil || have != "" {
			return err
		}
		s := scheme.Membership{ID: id(), AccountID: c.ID, OrganisationID: org, Role: m.Role, From: tx.At}
		if err := store.InsertMembership(ctx, tx, s); err != nil {
			return err
		}
		return audit.Write(ctx, tx, policy.SystemActor, audit.Event{ID: id(), Action: "member.add", Kind: "account", Subject: c.ID,
			Detail: map[string]string{"membership": s.ID, "organisation": org, "role": string(m.Role)}})
	})
}

// knownToOperator refuses an account that nobody but its owner has vouched for: it
// never had a role that only the operator gives.
func knownToOperator(ctx context.Context, tx *store.Tx, c store.Credentials) error {
	all, err := store.MembershipsOf(ctx, tx, c.ID)
	if err != nil {
		return err
	}
	for _, h := range all {
		if h.Role == scheme.Officer || h.Role == scheme.Evaluator {
			return nil
		}
	}
	return fault.New(fault.Conflict, "app.AddMember", "member.exists", "login", c.Login, "name", c.PersonName)
}

// EndMember ends a membership at once: whatever the account does next in that role
// is refused, sign-ins and open pages included.
func EndMember(ctx context.Context, db *store.DB, set *scheme.Settings, rand io.Reader, m Member) error {
	const op = "app.EndMember"
	if err := m.check(op); err != nil {
		return err
	}
	c, err := credentials(ctx, db, m.Login)
	if err != nil {
		return fault.Wrap(fault.Invalid, op, err, "member.unknown", "login", m.Login)
	}
	id, err := ids(rand)
	if err != nil {
		return err
	}
	return db.Update(ctx, func(tx *store.Tx) error {
		org, err := m.find(ctx, tx)
		if err != nil {
			return err
		}
		have, err := open(ctx, tx, c.ID, org.ID, m.Role)
		if err != nil {
			return err
		}
		if have == "" {
			return fault.New(fault.Invalid, op, "member.none", "login", m.Login)
		}
		if err := store.EndMembership(ctx, tx, have); err != nil {
			return err
		}
		return audit.Write(ctx, tx, policy.SystemActor, audit.Event{ID: id(), Action: "member.end", Kind: "account", Subject: c.ID,
			Detail: map[string]string{"membership": have, "organisation": org.ID, "role": string(m.Role)}})
	})
}

func (m *Member) check(op string) error {
	var places []fault.Place
	if !slices.Contains([]scheme.Role{scheme.Officer, scheme.Evaluator, scheme.Applicant}, m.Role) {
		places = append(places, fault.Place{Field: "role", Key: "member.role"})
	}
	if m.Role == scheme.Evaluator || m.Role == scheme.Applicant {
		if err := m.Organisation.CorporateNumber.Validate(); err != nil {
			places = append(places, fault.Place{Field: "corporate-number", Key: "casework.corporate." + string(err.(scheme.CorporateNumberFault))})
		}
	}
	for _, c := range m.Organisation.Classes {
		if !slices.Contains(scheme.EvaluatorClasses, c) || !c.NeedsHandover() {
			places = append(places, fault.Place{Field: "class", Key: "member.class", Args: fault.Pairs("class", c)})
		}
	}
	if places != nil {
		return &fault.Error{Kind: fault.Invalid, Op: op, Key: "fault.invalid", Places: places}
	}
	return nil
}

// find returns the organisation, NotFound when it is not there.
func (m *Member) find(ctx context.Context, tx *store.Tx) (scheme.Organisation, error) {
	kind := map[scheme.Role]scheme.OrganisationKind{scheme.Officer: scheme.SchemeOwning, scheme.Evaluator: scheme.Evaluating, scheme.Applicant: scheme.Vendor}[m.Role]
	list, err := store.Organisations(ctx, tx, kind)
	if err != nil {
		return scheme.Organisation{}, err
	}
	for _, o := range list {
		if kind == scheme.SchemeOwning || o.CorporateNumber == m.Organisation.CorporateNumber {
			return o, nil
		}
	}
	return scheme.Organisation{}, fault.New(fault.NotFound, "app.Member", "member.no-organisation", "number", m.Organisation.CorporateNumber)
}

// organisation returns the organisation's id; it makes the scheme owner's and
// evaluating ones, and adds classes that an evaluating one does not have yet.
func (m *Member) organisation(ctx context.Context, tx *store.Tx, set *scheme.Settings, id string) (string, error) {
	o, err := m.find(ctx, tx)
	if fault.Is(err, fault.NotFound) && m.Role != scheme.Applicant {
		o = m.Organisation
		o.ID, o.Registered, o.Version, o.Kind, o.Country = id, tx.At, 1, scheme.Evaluating, "JP"
		if m.Role == scheme.Officer {
			o.Kind, o.Name, o.NameEN, o.CorporateNumber, o.Classes = scheme.SchemeOwning, set.Owner.JA, set.Owner.EN, "", nil
		} else if o.Name == "" || len(o.Classes) == 0 {
			return "", &fault.Error{Kind: fault.Invalid, Op: "app.AddMember", Key: "member.new-organisation", Args: fault.Pairs("number", o.CorporateNumber)}
		}
		return o.ID, store.InsertOrganisation(ctx, tx, o)
	}
	if err != nil {
		return "", err
	}
	more := false
	for _, c := range m.Organisation.Classes {
		if m.Role == scheme.Evaluator && !slices.Contains(o.Classes, c) {
			o.Classes, more = append(o.Classes, c), true
		}
	}
	if more {
		err = store.UpdateOrganisation(ctx, tx, &o)
	}
	return o.ID, err
}

// open returns the membership that the account has at this instant, "" when none.
func open(ctx context.Context, tx *store.Tx, account, organisation string, role scheme.Role) (string, error) {
	have, err := store.MembershipsOf(ctx, tx, account)
	for _, h := range have {
		if h.OrganisationID == organisation && h.Role == role && h.ActiveAt(tx.At) {
			return h.ID, err
		}
	}
	return "", err
}

func credentials(ctx context.Context, db *store.DB, login string) (c store.Credentials, err error) {
	err = db.View(ctx, func(tx *store.Tx) (err error) {
		c, err = store.CredentialsByLogin(ctx, tx, login)
		return err
	})
	return c, err
}

// ids draws a few ids before a transaction, which may run more than once.
func ids(rand io.Reader) (next func() string, err error) {
	var list []string
	for range 16 {
		var b [16]byte
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return nil, err
		}
		list = append(list, hex.EncodeToString(b[:]))
	}
	n := -1
	return func() string { n = (n + 1) % len(list); return list[n] }, nil
}
