package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"hoshi/internal/fault"
)

// Password bounds, in characters and bytes.
const (
	MinPassword      = 12
	maxPasswordBytes = 512
)

// Cost of argon2id: 19 MiB, two passes, one lane.
const (
	argonMemory  = 19 * 1024
	argonTime    = 2
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

// checkPassword refuses a new password that is too short or too long.
func checkPassword(op, field, password string) error {
	key := ""
	switch {
	case utf8.RuneCountInString(password) < MinPassword:
		key = "auth.password-short"
	case len(password) > maxPasswordBytes:
		key = "auth.password-long"
	default:
		return nil
	}
	args := fault.Pairs("min", MinPassword)
	return &fault.Error{Kind: fault.Invalid, Op: op, Key: "fault.invalid",
		Places: []fault.Place{{Field: field, Key: key, Args: args}}}
}

// hashPassword returns the PHC string of a password.
func (s *Service) hashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	if _, err := io.ReadFull(s.rand, salt); err != nil {
		return "", err
	}
	if err := s.enter(ctx); err != nil {
		return "", err
	}
	defer s.leave()
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, b64(salt), b64(key)), nil
}

// verifyPassword reports whether the password fits the PHC string. A string
// that cannot be read costs as much time as one that can, and fits nothing.
func (s *Service) verifyPassword(ctx context.Context, phc, password string) (bool, error) {
	p, ok := parsePHC(phc)
	if !ok {
		p = phcHash{argonMemory, argonTime, argonThreads, make([]byte, argonSalt), make([]byte, argonKey)}
	}
	if len(password) > maxPasswordBytes {
		password, ok = "", false
	}
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.leave()
	got := argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.threads, uint32(len(p.key)))
	return subtle.ConstantTimeCompare(got, p.key) == 1 && ok, nil
}

func (s *Service) enter(ctx context.Context) error {
	select {
	case s.hashing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fault.Wrap(fault.Unavailable, "auth.hash", ctx.Err(), "fault.unavailable")
	}
}

func (s *Service) leave() { <-s.hashing }

type phcHash struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

// parsePHC reads "$argon2id$v=19$m=…,t=…,p=…$salt$key" within sane bounds.
func parsePHC(s string) (phcHash, bool) {
	var h phcHash
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, false
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); n != 3 || err != nil {
		return h, false
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return h, false
	}
	if h.key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return h, false
	}
	ok := h.memory >= 8 && h.memory <= 1<<20 && h.time >= 1 && h.time <= 64 && h.threads >= 1 &&
		len(h.salt) >= 8 && len(h.salt) <= 64 && len(h.key) >= 16 && len(h.key) <= 64
	return h, ok
}
