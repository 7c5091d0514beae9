// Package auth says who is asking: accounts with a password (argon2id) and a
// second step (TOTP), sessions, and the organisation and role that a person
// acts for. It gives a [policy.Actor]; what an actor may do is package policy's
// business.
//
// Start at [Service.SignIn] in signin.go and [Service.Who] in who.go.
package auth

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"io"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"hoshi/internal/store"
)

// Options is what a Service needs from outside. There is no option that turns
// on the demo's sign-in: see [NewDemo].
type Options struct {
	DB     *store.DB
	Now    func() time.Time
	Rand   io.Reader
	Issuer string // name of this service in authenticator apps
	// Secure: the portal is reached by HTTPS only; cookies get the __Host- prefix.
	Secure bool
	// Idle and Absolute bound a session; 0 = 30 minutes and 12 hours.
	Idle, Absolute time.Duration
}

// Service signs people in and knows who they are.
type Service struct {
	db       *store.DB
	now      func() time.Time
	rand     io.Reader
	issuer   string
	secure   bool
	demo     bool
	sessions *scs.SessionManager
	hashing  chan struct{} // bounds the memory that hashing takes at once
}

// New makes a Service for production: everybody needs a password and a code.
func New(o Options) *Service {
	if o.Idle == 0 {
		o.Idle = 30 * time.Minute
	}
	if o.Absolute == 0 {
		o.Absolute = 12 * time.Hour
	}
	s := &Service{db: o.DB, now: o.Now, rand: o.Rand, issuer: o.Issuer, secure: o.Secure, hashing: make(chan struct{}, 4)}
	m := scs.New()
	// The store decides on expiry by this Service's clock; scs only sees a far end.
	m.Lifetime = 30 * 24 * time.Hour
	m.Store = sessionStore{db: o.DB, now: o.Now, idle: o.Idle, absolute: o.Absolute}
	m.Codec = jsonCodec{}
	m.Cookie.Name = s.cookieName("hoshi")
	m.Cookie.Secure = o.Secure
	m.Cookie.Persist = false // ends with the browser
	s.sessions = m
	return s
}

// NewDemo makes a Service in which [Service.SignInAs] works. Only the demo calls
// it; no setting leads here.
func NewDemo(o Options) *Service {
	s := New(o)
	s.demo = true
	return s
}

// Demo reports whether one-click sign-in works.
func (s *Service) Demo() bool { return s.demo }

func (s *Service) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

// newID returns 128 random bits as 26 lower-case characters.
func (s *Service) newID() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.rand, b[:]); err != nil {
		return "", err
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])), nil
}

func hashToken(token string) string {
	h := sha256.Sum256([]byte(token))
	return hex.EncodeToString(h[:])
}
