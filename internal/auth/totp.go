package auth

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base32"
	"image/png"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"hoshi/internal/fault"
	"hoshi/internal/store"
)

// totpPeriod is the length of a time step, in seconds.
const totpPeriod = 30

// TOTPStep returns the time step of an instant.
func TOTPStep(at time.Time) int64 { return at.Unix() / totpPeriod }

// TOTPCode returns the code of a secret at an instant, for tests and the demo's own sign-in help.
func TOTPCode(secret string, at time.Time) (string, error) {
	return hotp.GenerateCodeCustom(secret, uint64(TOTPStep(at)), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
}

// matchTOTP returns the step whose code this is: now, one before or one after.
func matchTOTP(secret, code string, now time.Time) (int64, bool) {
	code = strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9':
			return r
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		}
		return -1
	}, code)
	for _, d := range []time.Duration{0, -totpPeriod * time.Second, totpPeriod * time.Second} {
		want, err := TOTPCode(secret, now.Add(d))
		if err == nil && len(code) == len(want) && subtle.ConstantTimeCompare([]byte(code), []byte(want)) == 1 {
			return TOTPStep(now.Add(d)), true
		}
	}
	return 0, false
}

// Enrolment is what an authenticator app needs to make codes.
type Enrolment struct {
	Secret string // base32, for typing
	PNG    []byte // QR code of the otpauth address
}

// Enrolment returns the secret that the person who has given a password is to
// put into an app. It is the same until it is confirmed.
func (s *Service) Enrolment(ctx context.Context) (Enrolment, error) {
	const op = "auth.Enrolment"
	c, err := s.pending(ctx, op)
	if err != nil {
		return Enrolment{}, err
	}
	if c.TOTPSecret != "" {
		return Enrolment{}, fault.New(fault.Conflict, op, "auth.totp-exists")
	}
	secret := s.sessions.GetString(ctx, keyEnrol)
	if secret == "" {
		b := make([]byte, 20)
		if _, err := io.ReadFull(s.rand, b); err != nil {
			return Enrolment{}, err
		}
		secret = base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
		s.sessions.Put(ctx, keyEnrol, secret)
	}
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + s.issuer + ":" + c.Login,
		RawQuery: url.Values{"secret": {secret}, "issuer": {s.issuer}}.Encode()}
	key, err := otp.NewKeyFromURL(u.String())
	if err != nil {
		return Enrolment{}, err
	}
	img, err := key.Image(220, 220)
	if err != nil {
		return Enrolment{}, err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return Enrolment{}, err
	}
	return Enrolment{Secret: secret, PNG: b.Bytes()}, nil
}

// ConfirmEnrolment sets up the second step with a code of the new secret and
// signs the person in.
func (s *Service) ConfirmEnrolment(ctx context.Context, code string) error {
	const op = "auth.ConfirmEnrolment"
	c, err := s.pending(ctx, op)
	if err != nil {
		return err
	}
	secret := s.sessions.GetString(ctx, keyEnrol)
	if secret == "" {
		return fault.New(fault.Unauthenticated, op, "fault.unauthenticated")
	}
	step, ok := matchTOTP(secret, code, s.now())
	if !ok {
		return wrongCode(op)
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error { return store.SetTOTP(ctx, tx, c.ID, secret, step) })
	if err != nil {
		return err
	}
	return s.begin(ctx, c.ID)
}

func wrongCode(op string) error {
	return &fault.Error{Kind: fault.Invalid, Op: op, Key: "fault.invalid",
		Places: []fault.Place{{Field: "code", Key: "auth.code-wrong"}}}
}
