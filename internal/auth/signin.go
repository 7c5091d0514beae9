package auth

import (
	"context"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hoshi/internal/fault"
	"hoshi/internal/scheme"
	"hoshi/internal/store"
)

// Step is what a person has to do next to be signed in.
type Step string

const (
	StepCode   Step = "code"   // give a code of the authenticator app
	StepEnrol  Step = "enrol"  // set the app up first
	StepSigned Step = "signed" // nothing, signed in
)

// Lockout: after freeTries wrong tries each further one doubles the wait.
const (
	freeTries = 5
	firstLock = 30 * time.Second
	maxLock   = time.Hour
	// pendingFor is how long a password counts before the code must have come.
	pendingFor = 10 * time.Minute
)

// lockFor returns how long an account is locked after so many wrong tries in a row.
func lockFor(failures int64) time.Duration {
	if failures < freeTries {
		return 0
	}
	d := firstLock
	for range min(failures-freeTries, 10) {
		d *= 2
	}
	return min(d, maxLock)
}

// SignIn checks the password and says what comes next. A wrong login, a wrong
// password and a locked account give one and the same answer.
func (s *Service) SignIn(ctx context.Context, login, password string) (Step, error) {
	const op = "auth.SignIn"
	c, err := s.credentialsByLogin(ctx, login)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return "", err
	}
	known := err == nil
	judged := false
	if known {
		if c, judged, err = s.try(ctx, c.ID); err != nil {
			return "", err
		}
	}
	fits, err := s.verifyPassword(ctx, c.Password, password)
	if err != nil {
		return "", err
	}
	if !judged || !fits {
		return "", fault.New(fault.Invalid, op, "auth.sign-in-wrong", "tries", freeTries)
	}
	if err := s.forgive(ctx, c); err != nil {
		return "", err
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return "", err
	}
	s.clear(ctx)
	s.sessions.Put(ctx, keyPending, c.ID)
	s.sessions.Put(ctx, keyPendingAt, s.now().UTC().Format(time.RFC3339))
	if c.TOTPSecret == "" {
		return StepEnrol, nil
	}
	return StepCode, nil
}

// Code checks the code of the second step and signs the person in. Each code is
// good once.
func (s *Service) Code(ctx context.Context, code string) error {
	const op = "auth.Code"
	c, err := s.pending(ctx, op)
	if err != nil {
		return err
	}
	c, judged, err := s.try(ctx, c.ID)
	if err != nil {
		return err
	}
	if !judged {
		return wrongCode(op)
	}
	step, ok := matchTOTP(c.TOTPSecret, code, s.now())
	if !ok || c.TOTPSecret == "" {
		return wrongCode(op)
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error { return store.UseTOTPStep(ctx, tx, c.ID, step) })
	if fault.Is(err, fault.Conflict) {
		return &fault.Error{Kind: fault.Invalid, Op: op, Key: "fault.invalid",
			Places: []fault.Place{{Field: "code", Key: "auth.code-used"}}}
	}
	if err != nil {
		return err
	}
	return s.begin(ctx, c.ID)
}

// try counts a try before anything is compared, so that of tries sent at the same
// time no more are judged than of tries one after the other. judged is false while
// the account is locked.
func (s *Service) try(ctx context.Context, accountID string) (c store.Credentials, judged bool, err error) {
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		c, err = store.CountTry(ctx, tx, accountID, lockFor)
		return err
	})
	if fault.Is(err, fault.Conflict) {
		return store.Credentials{}, false, nil
	}
	return c, err == nil, err
}

// forgive takes back the try of c, which was right.
func (s *Service) forgive(ctx context.Context, c store.Credentials) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return store.ForgiveTry(ctx, tx, c.ID, c.Failures) })
}

// begin makes the session one of a signed-in account, under a new token.
func (s *Service) begin(ctx context.Context, accountID string) error {
	err := s.db.Update(ctx, func(tx *store.Tx) error { return store.ForgiveTries(ctx, tx, accountID) })
	if err != nil {
		return err
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return err
	}
	s.clear(ctx)
	s.sessions.Put(ctx, keyAccount, accountID)
	return nil
}

func (s *Service) clear(ctx context.Context) {
	for _, k := range []string{keyAccount, keyMembership, keyPending, keyPendingAt, keyEnrol} {
		s.sessions.Remove(ctx, k)
	}
}

// pending returns the account that has given its password and not yet its code.
func (s *Service) pending(ctx context.Context, op string) (store.Credentials, error) {
	id := s.sessions.GetString(ctx, keyPending)
	at, err := time.Parse(time.RFC3339, s.sessions.GetString(ctx, keyPendingAt))
	if id == "" || err != nil || s.now().Sub(at) > pendingFor {
		return store.Credentials{}, fault.New(fault.Unauthenticated, op, "auth.start-again")
	}
	return s.credentialsOf(ctx, id)
}

// Pending reports whether the session waits for a second step, and which.
func (s *Service) Pending(ctx context.Context) (Step, error) {
	c, err := s.pending(ctx, "auth.Pending")
	if err != nil {
		return "", err
	}
	if c.TOTPSecret == "" {
		return StepEnrol, nil
	}
	return StepCode, nil
}

// SignOut ends the session.
func (s *Service) SignOut(ctx context.Context) error { return s.sessions.Destroy(ctx) }

// SignInAs signs in without proof. It works in the demo only.
func (s *Service) SignInAs(ctx context.Context, login string) error {
	if !s.demo {
		return fault.New(fault.NotFound, "auth.SignInAs", "fault.not-found")
	}
	c, err := s.credentialsByLogin(ctx, login)
	if err != nil {
		return err
	}
	return s.begin(ctx, c.ID)
}

// SignUp adds a person with an account. The e-mail address is not verified here.
func (s *Service) SignUp(ctx context.Context, name, login, password string) (scheme.Account, error) {
	const op = "auth.SignUp"
	var places []fault.Place
	name, login = strings.TrimSpace(name), foldLogin(login)
	if n := utf8.RuneCountInString(name); n == 0 || n > 100 || strings.ContainsFunc(name, unseen) {
		places = append(places, fault.Place{Field: "name", Key: "auth.name-needed"})
	}
	if a, err := mail.ParseAddress(login); err != nil || a.Address != login || len(login) > 254 {
		places = append(places, fault.Place{Field: "login", Key: "auth.login-shape"})
	}
	if err := checkPassword(op, "password", password); err != nil {
		places = append(places, err.(*fault.Error).Places...)
	}
	if places != nil {
		return scheme.Account{}, &fault.Error{Kind: fault.Invalid, Op: op, Key: "fault.invalid", Places: places}
	}
	phc, err := s.hashPassword(ctx, password)
	if err != nil {
		return scheme.Account{}, err
	}
	return s.AddAccount(ctx, scheme.Person{Name: name}, login, phc, "")
}

// unseen are characters that would make a name look like another's.
func unseen(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// AddAccount adds an account for a person, and the person too when it has no id
// yet. phc and totpSecret may be empty: then there is no sign-in with a password,
// or the second step is set up at the first sign-in.
func (s *Service) AddAccount(ctx context.Context, p scheme.Person, login, phc, totpSecret string) (scheme.Account, error) {
	const op = "auth.AddAccount"
	id, err := s.newID()
	if err != nil {
		return scheme.Account{}, err
	}
	newPerson := p.ID == ""
	if newPerson {
		if p.ID, err = s.newID(); err != nil {
			return scheme.Account{}, err
		}
	}
	a := scheme.Account{ID: id, PersonID: p.ID, Login: foldLogin(login)}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if newPerson {
			if err := store.InsertPerson(ctx, tx, p); err != nil {
				return err
			}
		}
		return store.InsertAccount(ctx, tx, store.Credentials{Account: a, Password: phc, TOTPSecret: totpSecret})
	})
	if fault.Is(err, fault.Conflict) {
		return scheme.Account{}, &fault.Error{Kind: fault.Invalid, Op: op, Key: "fault.invalid",
			Places: []fault.Place{{Field: "login", Key: "auth.login-taken"}}}
	}
	return a, err
}

// ChangePassword replaces the signed-in person's password and ends every session
// of the account, this one too.
func (s *Service) ChangePassword(ctx context.Context, old, password string) error {
	const op = "auth.ChangePassword"
	c, err := s.credentialsOf(ctx, s.sessions.GetString(ctx, keyAccount))
	if err != nil {
		return fault.New(fault.Unauthenticated, op, "fault.unauthenticated")
	}
	c, judged, err := s.try(ctx, c.ID)
	if err != nil {
		return err
	}
	fits, err := s.verifyPassword(ctx, c.Password, old)
	if err != nil {
		return err
	}
	if !judged || !fits {
		return wrongOld(op)
	}
	if err := s.forgive(ctx, c); err != nil {
		return err
	}
	if err := checkPassword(op, "new", password); err != nil {
		return err
	}
	phc, err := s.hashPassword(ctx, password)
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if err := store.SetPassword(ctx, tx, c.ID, phc); err != nil {
			return err
		}
		return store.EndSessionsOf(ctx, tx, c.ID, tx.At)
	})
	if err != nil {
		return err
	}
	return s.sessions.Destroy(ctx)
}

func wrongOld(op string) error {
	return &fault.Error{Kind: fault.Invalid, Op: op, Key: "fault.invalid",
		Places: []fault.Place{{Field: "old", Key: "auth.old-wrong"}}}
}

func foldLogin(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

func (s *Service) credentialsByLogin(ctx context.Context, login string) (c store.Credentials, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		c, err = store.CredentialsByLogin(ctx, tx, foldLogin(login))
		return err
	})
	return c, err
}

func (s *Service) credentialsOf(ctx context.Context, id string) (c store.Credentials, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		c, err = store.CredentialsOf(ctx, tx, id)
		return err
	})
	return c, err
}
