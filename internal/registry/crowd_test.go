package registry

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"hoshi/internal/ledger"
	"hoshi/internal/scheme"
)

// What the settings allow is what the signer signs.
func TestStatusListLife(t *testing.T) {
	if scheme.MaxStatusListTTL != ledger.MaxStatusTTL {
		t.Errorf("settings allow %v, the signer %v", scheme.MaxStatusListTTL, ledger.MaxStatusTTL)
	}
}

// After an old backup was restored, the rows may call a revoked label valid: the
// list is not read from them.
func TestListOfAForkedDatabase(t *testing.T) {
	s := &Site{Settings: &scheme.Settings{}, Log: slog.New(slog.DiscardHandler), Forked: func() bool { return true }}
	h := s.Handler()
	for _, path := range []string{"/list", "/list.en", "/list.json?q=a"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// While as many searches run as may, a further one waits without a connection to
// the database, and is told to come again when its time is over.
func TestSearchesWait(t *testing.T) {
	s := &Site{Settings: &scheme.Settings{}, Log: slog.New(slog.DiscardHandler)} // no database: touching it would panic
	h := s.Handler()
	for range searchesAtOnce {
		s.searching <- struct{}{}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, path := range []string{"/list?q=a", "/list.json?q=a"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(over, http.MethodGet, path, nil))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}
