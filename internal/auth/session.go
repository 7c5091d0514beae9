package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"hoshi/internal/fault"
	"hoshi/internal/store"
)

// Keys of a session's content.
const (
	keyAccount    = "account"    // id of the signed-in account
	keyMembership = "membership" // id of the membership that the person acts under
	keyPending    = "pending"    // id of an account that has given its password, not yet its code
	keyPendingAt  = "pending-at" // when, RFC 3339
	keyEnrol      = "enrol"      // secret of a second step that is being set up
)

// keepEnded is how long an ended session is remembered by its hash, so that a
// form that comes too late can be kept for its account.
const keepEnded = 30 * 24 * time.Hour

// Middleware loads the session of a request and saves it with the answer.
func (s *Service) Middleware(next http.Handler) http.Handler { return s.sessions.LoadAndSave(next) }

// sessionStore keeps sessions for scs by the hash of their token. It decides on
// idle and absolute expiry itself, by the Service's clock.
type sessionStore struct {
	db             *store.DB
	now            func() time.Time
	idle, absolute time.Duration
}

// touchAfter bounds how often reading a session writes that it was used.
const touchAfter = time.Minute

func (st sessionStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	var row store.SessionRow
	err := st.db.View(ctx, func(tx *store.Tx) (err error) {
		row, err = store.Session(ctx, tx, hashToken(token))
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	now := st.now()
	if !row.Ended.IsZero() || now.Sub(row.Seen) > st.idle || now.Sub(row.Created) > st.absolute {
		return nil, false, nil
	}
	if now.Sub(row.Seen) > touchAfter {
		err = st.db.Update(ctx, func(tx *store.Tx) error { return store.TouchSession(ctx, tx, row.TokenHash, tx.At) })
		if err != nil {
			return nil, false, err
		}
	}
	return []byte(row.Doc), true, nil
}

func (st sessionStore) CommitCtx(ctx context.Context, token string, b []byte, _ time.Time) error {
	_, values, err := jsonCodec{}.Decode(b)
	if err != nil {
		return err
	}
	account, _ := values[keyAccount].(string) // absent before sign-in
	err = st.db.Update(ctx, func(tx *store.Tx) error {
		return store.SaveSession(ctx, tx, store.SessionRow{
			TokenHash: hashToken(token), AccountID: account, Created: tx.At, Seen: tx.At, Doc: string(b)})
	})
	if fault.Is(err, fault.Conflict) {
		return nil // it ended meanwhile, and stays ended
	}
	return err
}

func (st sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return st.db.Update(ctx, func(tx *store.Tx) error { return store.EndSession(ctx, tx, hashToken(token), tx.At) })
}

func (st sessionStore) Find(token string) ([]byte, bool, error) {
	return st.FindCtx(context.Background(), token)
}

func (st sessionStore) Commit(token string, b []byte, expiry time.Time) error {
	return st.CommitCtx(context.Background(), token, b, expiry)
}

func (st sessionStore) Delete(token string) error { return st.DeleteCtx(context.Background(), token) }

// Sweep forgets sessions and kept forms that nobody can use any more.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.Update(ctx, func(tx *store.Tx) error { return store.ForgetSessions(ctx, tx, tx.At.Add(-keepEnded)) })
}

// jsonCodec writes a session as JSON; all values are strings.
type jsonCodec struct{}

type sessionDoc struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values"`
}

func (jsonCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	d := sessionDoc{Deadline: deadline, Values: map[string]string{}}
	for k, v := range values {
		if s, ok := v.(string); ok {
			d.Values[k] = s
		}
	}
	return json.Marshal(d)
}

func (jsonCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	var d sessionDoc
	if err := json.Unmarshal(b, &d); err != nil {
		return time.Time{}, nil, err
	}
	out := make(map[string]any, len(d.Values))
	for k, v := range d.Values {
		out[k] = v
	}
	return d.Deadline, out, nil
}
