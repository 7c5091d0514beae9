package practice

import (
	"encoding/hex"
	"io"
	"sync"
	"time"
)

// sessions are the open sessions of a web interface.
type sessions struct {
	now  func() time.Time
	rand io.Reader

	mu   sync.Mutex
	ends map[string]time.Time
}

func (d *Device) sessions() *sessions {
	return &sessions{now: d.o.Now, rand: d.o.Rand, ends: map[string]time.Time{}}
}

// open begins a session and returns its id.
func (s *sessions) open() (string, error) {
	b := make([]byte, 16)
	if _, err := io.ReadFull(s.rand, b); err != nil {
		return "", err
	}
	id := hex.EncodeToString(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	for old, end := range s.ends {
		if !s.now().Before(end) {
			delete(s.ends, old)
		}
	}
	s.ends[id] = s.now().Add(15 * time.Minute)
	return id, nil
}

func (s *sessions) valid(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	end, ok := s.ends[id]
	return ok && s.now().Before(end)
}
