package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest"
	"hoshi/internal/ledger/sequence"
	"hoshi/internal/registry"
	"hoshi/internal/store"
	"hoshi/internal/store/postgres"
	"hoshi/internal/testkit"
)

// kills is how many processes die in a run: a sample, or with HOSHI_SOAK the long
// version, or as many as HOSHI_KILLS says.
func kills() int {
	if n, err := strconv.Atoi(os.Getenv("HOSHI_KILLS")); err == nil {
		return n
	}
	if os.Getenv("HOSHI_SOAK") != "" {
		return 500
	}
	return 6
}

// seed is printed, so that a failure can be run again with HOSHI_SEED.
func seed(t *testing.T) *rand.Rand {
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("HOSHI_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("HOSHI_SEED=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

// Whatever is killed while labels are granted: nothing acknowledged is lost, no
// number is used twice, log and rows agree, and no two checkpoints disagree.
func TestKilledDuringGrants(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		killRun(t, newSite(t, nil, false), []string{"server", "signer", "granting"})
	})
	t.Run("postgres", func(t *testing.T) {
		c, err := testkit.StartCluster()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			c.Stop()
			if err := os.RemoveAll(c.Dir); err != nil {
				t.Error(err)
			}
		})
		killRun(t, newSite(t, c, false), []string{"server", "signer", "granting", "database"})
	})
}

func killRun(t *testing.T, s *site, targets []string) {
	rnd := seed(t)
	s.serve(0)
	var clients []*client
	for i := range 2 {
		clients = append(clients, s.client(i))
	}
	seen := map[string]bool{}
	look := func() {
		b, err := os.ReadFile(filepath.Join(s.dir, "public", ledger.CheckpointPath))
		if err == nil {
			seen[string(b)] = true
		}
	}
	for range kills() {
		wait := time.NewTimer(time.Duration(100+rnd.IntN(1900)) * time.Millisecond)
		for waiting := true; waiting; {
			select {
			case <-wait.C:
				waiting = false
			case <-time.After(20 * time.Millisecond):
				look()
			}
		}
		switch targets[rnd.IntN(len(targets))] {
		case "server":
			s.server[0].kill(t)
			s.serve(0)
		case "signer":
			if pid := s.signer(); pid != 0 {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended by itself meanwhile
			}
		case "granting":
			i := rnd.IntN(len(clients))
			clients[i].kill(t)
			clients[i] = s.client(i)
		case "database":
			if err := s.cluster.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := s.cluster.Start(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d grants, %d checkpoints after the kills", len(s.acks()), len(seen))
	// Let each granting process acknowledge something after the last kill.
	before := len(s.acks())
	s.until("a grant after the last kill", func() bool { return len(s.acks()) > before })
	for _, c := range clients {
		c.kill(t)
	}
	s.settle()
	look()
	s.server[0].stop(t)
	s.check(seen)
}

// Two servers on one PostgreSQL, granting at the same time: no gap, no fork; when
// one dies the other takes the log over.
func TestTwoServersOnOneDatabase(t *testing.T) {
	c, err := testkit.StartCluster()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop()
		if err := os.RemoveAll(c.Dir); err != nil {
			t.Error(err)
		}
	})
	s := newSite(t, c, true)
	s.serve(0)
	s.serve(1)
	a, b := s.client(0), s.client(1)
	s.until("grants from both", func() bool { return s.acksOf(0) > 3 && s.acksOf(1) > 3 })
	s.server[0].kill(t)
	n := len(s.acks())
	s.until("grants go on", func() bool { return len(s.acks()) > n+3 })
	a.kill(t)
	b.kill(t)
	s.settle() // within the lease's time the other server moves the log
	s.server[1].stop(t)
	s.check(nil)
}

// check holds database, log and acknowledgements against each other.
func (s *site) check(seen map[string]bool) {
	t := s.t
	t.Helper()
	ctx := context.Background()
	db := s.open()
	keys := s.keys()
	files, err := sequence.NewDir(filepath.Join(s.dir, "public"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := registry.Check(ctx, db, keys, files)
	if err != nil {
		t.Fatal(err)
	}
	// A status list may wait for its place; settle has seen that no label does.
	if len(res.Findings) != 0 {
		t.Errorf("log and rows disagree: %+v", res)
	}
	if err := ledgertest.Audit(keys, files, res.Leaves); err != nil {
		t.Errorf("the published log: %v", err)
	}
	rows := map[string]store.LabelRow{}
	numbers, serials := map[string]bool{}, map[int64]bool{}
	err = db.View(ctx, func(tx *store.Tx) error {
		return store.EachLabelRow(ctx, tx, func(r store.LabelRow) error {
			rows[r.Columns.ID] = r
			if numbers[r.Columns.Registration] || serials[r.Columns.Serial] {
				t.Errorf("%s or %d is used twice", r.Columns.Registration, r.Columns.Serial)
			}
			numbers[r.Columns.Registration], serials[r.Columns.Serial] = true, true
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(len(rows)) {
		if !serials[i] {
			t.Errorf("serial %d is missing of %d", i, len(rows))
		}
	}
	acks := s.acks()
	for _, a := range acks {
		r, ok := rows[a.ID]
		if !ok || r.Columns.Registration != a.Registration || r.Columns.Serial != a.Serial {
			t.Errorf("acknowledged %+v; the database has %+v", a, r.Columns)
		}
		for _, suffix := range []string{".html", ".json", ".proof"} {
			if _, err := os.Stat(filepath.Join(s.dir, "public", "L", a.ID+suffix)); err != nil {
				t.Errorf("acknowledged %s is not public: %v", a.ID, err)
			}
		}
	}
	s.consistent(db, keys, res.Leaves, seen)
	t.Logf("%d acknowledged, %d labels, %d leaves, %d checkpoints seen", len(acks), len(rows), res.Leaves, len(seen))
}

// consistent holds every checkpoint that was ever seen against the final log.
func (s *site) consistent(db *store.DB, keys ledger.Keys, size int64, seen map[string]bool) {
	t := s.t
	t.Helper()
	leaves, err := db.Log().Leaves(context.Background(), 0, size)
	if err != nil {
		t.Fatal(err)
	}
	var tree ledger.Hashes
	for i, l := range leaves {
		if err := tree.Append(int64(i), l); err != nil {
			t.Fatal(err)
		}
	}
	v, err := keys.Open()
	if err != nil {
		t.Fatal(err)
	}
	for note := range seen {
		c, err := v.OpenCheckpoint([]byte(note))
		if err != nil {
			t.Errorf("a checkpoint that was public does not verify: %v", err)
			continue
		}
		root, err := tlog.TreeHash(c.Size, tree)
		if err != nil || root != c.Root {
			t.Errorf("the checkpoint of %d leaves is of another log: %v", c.Size, err)
		}
	}
}

// ack is what a granting process writes down once a grant was acknowledged.
type ack struct {
	ID           string `json:"id"`
	Registration string `json:"registration"`
	Serial       int64  `json:"serial"`
}

func (s *site) ackFile(i int) string { return filepath.Join(s.dir, fmt.Sprintf("acks-%d.jsonl", i)) }

func (s *site) acksOf(i int) int {
	b, err := os.ReadFile(s.ackFile(i))
	if err != nil {
		return 0
	}
	return bytes.Count(b, []byte("\n"))
}

// acks reads what was acknowledged; a line cut by a kill was not written down.
func (s *site) acks() []ack {
	s.t.Helper()
	var out []ack
	for i := range 2 {
		b, err := os.ReadFile(s.ackFile(i))
		if err != nil {
			continue
		}
		for line := range bytes.Lines(b) {
			var a ack
			if bytes.HasSuffix(line, []byte("\n")) && json.Unmarshal(line, &a) == nil {
				out = append(out, a)
			}
		}
	}
	return out
}

// process is a child that can be killed.
type process struct {
	cmd *exec.Cmd
	out *lines
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // killed, so never nil
}

// stop asks politely and wants a clean end.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the server did not end in order: %v\n%s", err, p.out)
	}
}

// signer finds the signer process below the first server.
func (s *site) signer() int {
	dirs, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, d := range dirs {
		b, err := os.ReadFile(d)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		f := strings.Fields(rest)
		if len(f) < 2 || f[1] != strconv.Itoa(s.server[0].cmd.Process.Pid) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(d)))
		if err != nil {
			s.t.Fatal(err)
		}
		return pid
	}
	return 0
}

// lines keeps the last of what a child says.
type lines struct{ buf []byte }

func (l *lines) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p...)
	if len(l.buf) > 1<<16 {
		l.buf = slices.Clone(l.buf[len(l.buf)-1<<15:])
	}
	return len(p), nil
}

func (l *lines) String() string { return string(l.buf) }

// until waits for something that other processes do.
func (s *site) until(what string, done func() bool) {
	s.t.Helper()
	s.within(time.Minute, what, done)
}

func (s *site) within(limit time.Duration, what string, done func() bool) {
	s.t.Helper()
	end := time.NewTimer(limit)
	defer end.Stop()
	for !done() {
		select {
		case <-end.C:
			for i, p := range s.server {
				if p != nil {
					s.t.Logf("server %d says:\n%s", i, p.out)
				}
			}
			s.t.Fatalf("waited in vain for %s", what)
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// settle waits until everything that was granted is public. A server that starts
// writes every page anew, so the time allowed grows with their number.
func (s *site) settle() {
	s.t.Helper()
	db := s.open()
	s.within(time.Minute+time.Duration(len(s.acks()))*100*time.Millisecond, "the log to settle", func() bool {
		st, err := db.Log().State(context.Background())
		if err != nil {
			return false
		}
		var size, all int64
		err = db.View(context.Background(), func(tx *store.Tx) error {
			if size, err = store.LogSize(context.Background(), tx); err != nil {
				return err
			}
			return store.EachLeaf(context.Background(), tx, func([]byte) error { all++; return nil })
		})
		if err != nil || size != all || st.Indexed != all {
			return false
		}
		for _, a := range s.acks() {
			if _, err := os.Stat(filepath.Join(s.dir, "public", "L", a.ID+".proof")); err != nil {
				return false
			}
		}
		return true
	})
}

func (s *site) open() *store.DB {
	s.t.Helper()
	var e store.Engine = postgres.Engine{URL: s.url}
	if s.cluster == nil {
		e = s.engine()
	}
	db, err := store.Open(context.Background(), e, time.Now)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() }) // the test has read what it wanted
	return db
}

func (s *site) keys() ledger.Keys {
	s.t.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "public", "keys.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	k, err := ledger.DecodeKeys(b)
	if err != nil {
		s.t.Fatal(err)
	}
	return k
}
