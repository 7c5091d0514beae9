package auth

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/store"
)

// MaxParked bounds one kept form, in bytes; ParkedEach how many an account has.
const (
	MaxParked  = 1 << 20
	ParkedEach = 5
)

// Park keeps the form that a request without a valid sign-in carries, for the
// account whose session has ended, and gives the browser the token to fetch it
// back with. It reports whether it kept something: without a session that once
// belonged to an account there is nobody to keep it for.
func (s *Service) Park(w http.ResponseWriter, r *http.Request, page string, form url.Values) (bool, error) {
	cookie, err := r.Cookie(s.sessions.Cookie.Name)
	if err != nil {
		return false, nil
	}
	body := form.Encode()
	if len(body) > MaxParked {
		return false, nil
	}
	token, err := s.newID()
	if err != nil {
		return false, err
	}
	kept := false
	err = s.db.Update(r.Context(), func(tx *store.Tx) error {
		kept = false
		row, err := store.Session(r.Context(), tx, hashToken(cookie.Value))
		if fault.Is(err, fault.NotFound) || err == nil && row.AccountID == "" {
			return nil
		}
		if err != nil {
			return err
		}
		kept = true
		return store.ParkForm(r.Context(), tx, store.ParkedForm{
			TokenHash: hashToken(token), AccountID: row.AccountID, At: tx.At, Page: page, Body: body}, ParkedEach)
	})
	if err != nil || !kept {
		return false, err
	}
	http.SetCookie(w, s.parkCookie(token, int((24*time.Hour).Seconds())))
	return true, nil
}

// Parked returns the kept form of the signed-in person in this browser;
// NotFound when there is none.
func (s *Service) Parked(r *http.Request) (page string, form url.Values, err error) {
	ctx := r.Context()
	cookie, err := r.Cookie(s.cookieName("hoshi-kept"))
	if err != nil {
		return "", nil, fault.Wrap(fault.NotFound, "auth.Parked", err, "fault.not-found")
	}
	var f store.ParkedForm
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		f, err = store.Parked(ctx, tx, hashToken(cookie.Value), s.sessions.GetString(ctx, keyAccount))
		return err
	})
	if err != nil {
		return "", nil, err
	}
	form, err = url.ParseQuery(f.Body)
	return f.Page, form, err
}

// DropParked forgets the kept form of this browser.
func (s *Service) DropParked(w http.ResponseWriter, r *http.Request) error {
	cookie, err := r.Cookie(s.cookieName("hoshi-kept"))
	if err != nil {
		return nil
	}
	http.SetCookie(w, s.parkCookie("", -1))
	return s.dropParked(r.Context(), cookie.Value)
}

func (s *Service) dropParked(ctx context.Context, token string) error {
	account := s.sessions.GetString(ctx, keyAccount)
	return s.db.Update(ctx, func(tx *store.Tx) error { return store.DropParked(ctx, tx, hashToken(token), account) })
}

func (s *Service) parkCookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: s.cookieName("hoshi-kept"), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode}
}
