// Package testkit is what tests share: real databases, a clock that tests move,
// sample data, practice devices, a browser. It is imported by tests only.
package testkit

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Cluster is a real PostgreSQL server of its own, in a temporary folder, on loopback.
type Cluster struct {
	Dir   string
	Port  int
	cmd   *exec.Cmd
	ended chan struct{} // closed when the server process is no more
	bin   string
	as    *account // whom the server runs as; nil = us
}

// account is a user of this system.
type account struct{ uid, gid int }

var (
	shared     *Cluster
	sharedOnce sync.Once
	sharedErr  error
	databases  int
	dbMu       sync.Mutex
)

// PostgresURL returns the URL of a fresh, empty database. The server is the one
// that HOSHI_TEST_POSTGRES names (a URL of a superuser), else one started for
// this test process. A test fails, never skips, when there is none.
func PostgresURL(t testing.TB) string {
	t.Helper()
	admin := os.Getenv("HOSHI_TEST_POSTGRES")
	if admin == "" {
		sharedOnce.Do(func() { shared, sharedErr = StartCluster() })
		if sharedErr != nil {
			t.Fatalf("a real PostgreSQL is needed: install Debian's postgresql, or name one in HOSHI_TEST_POSTGRES: %v", sharedErr)
		}
		admin = shared.URL("postgres")
	}
	dbMu.Lock()
	databases++
	name := fmt.Sprintf("hoshi_%d_%d", os.Getpid(), databases)
	dbMu.Unlock()
	db, err := sql.Open("pgx", admin)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		db, err := sql.Open("pgx", admin)
		if err != nil {
			t.Error(err)
			return
		}
		defer db.Close()
		if _, err := db.Exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	if shared != nil {
		return shared.URL(name)
	}
	return replaceDatabase(t, admin, name)
}

// StopShared ends the server of this test process; call it from TestMain.
func StopShared() {
	if shared != nil {
		shared.Stop()
		_ = os.RemoveAll(shared.Dir) // a temporary folder; the system clears it too
	}
}

// URL names a database of the cluster.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.Port, database)
}

// StartCluster makes and starts a server; as root it runs under the postgres user.
func StartCluster() (*Cluster, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin}
	c.Dir, err = os.MkdirTemp("", "hoshi-pg-")
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 { // the server refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		c.as = &account{}
		if c.as.uid, err = strconv.Atoi(u.Uid); err != nil {
			return nil, err
		}
		if c.as.gid, err = strconv.Atoi(u.Gid); err != nil {
			return nil, err
		}
		if err := os.Chown(c.Dir, c.as.uid, c.as.gid); err != nil {
			return nil, err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(c.Dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
	initdb.Dir = c.Dir
	runAs(initdb, c.as)
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c.Port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	return c, c.Start()
}

// Start starts the server again after Kill or Stop, and returns when it answers.
// After Kill the first attempts may fail, while processes of the killed server
// still hold its memory.
func (c *Cluster) Start() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", c.URL("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for {
		ended, err := c.launch()
		if err != nil {
			return err
		}
		if err := c.answers(ctx, db, ended); err == nil {
			return nil
		} else if ctx.Err() != nil {
			return fmt.Errorf("the server does not answer: %w", err)
		}
	}
}

// launch starts the server process; ended is closed when it is no more.
func (c *Cluster) launch() (ended chan struct{}, err error) {
	c.cmd = exec.Command(filepath.Join(c.bin, "postgres"), "-D", filepath.Join(c.Dir, "data"),
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(c.Port),
		"-c", "unix_socket_directories="+c.Dir, "-c", "max_connections=200")
	c.cmd.Dir = c.Dir
	runAs(c.cmd, c.as)
	EndWithUs(c.cmd)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	ended = make(chan struct{})
	cmd := c.cmd
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ended is told by whether it answers
	}()
	c.ended = ended
	return ended, nil
}

// answers waits until the server answers, or has ended, or the time is over.
func (c *Cluster) answers(ctx context.Context, db *sql.DB, ended chan struct{}) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-ended:
			<-tick.C
			return err
		case <-tick.C:
		}
	}
}

// Kill ends the server at once, as a crash would. Its other processes notice and
// leave by themselves.
func (c *Cluster) Kill() error {
	err := c.cmd.Process.Kill()
	<-c.ended
	return err
}

// Stop ends the server in order.
func (c *Cluster) Stop() {
	_ = c.cmd.Process.Signal(os.Interrupt) // it may have ended already
	<-c.ended
}

func postgresBin() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(p), nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("no initdb in PATH or /usr/lib/postgresql")
	}
	return filepath.Dir(found[len(found)-1]), nil
}
