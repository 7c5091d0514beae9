package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hoshi/internal/app/apptest"
	"hoshi/internal/demo"
	"hoshi/internal/store"
	"hoshi/internal/store/postgres"
	"hoshi/internal/store/sqlite"
	"hoshi/internal/testkit"
	"hoshi/internal/testkit/stranger"
)

// clientEnv makes this test binary a granting process instead of a test.
const clientEnv = "HOSHI_TEST_GRANTING"

func TestMain(m *testing.M) {
	tests := stranger.Watch(m)
	if text := os.Getenv(clientEnv); text != "" {
		if err := granting(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := tests.Run()
	testkit.StopShared()
	if built != "" {
		_ = os.RemoveAll(built) // a temporary folder; the system clears it too
	}
	os.Exit(code)
}

// built is the folder of the program, once it was built.
var built string

// hoshi is the real program, built once.
var hoshi = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hoshi-bin-")
	if err != nil {
		return "", err
	}
	built = dir
	bin := filepath.Join(dir, "hoshi")
	out, err := exec.Command("go", "build", "-o", bin, "hoshi/cmd/hoshi").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return bin, nil
})

// site is one installation in a folder: configuration, keys, people.
type site struct {
	t       *testing.T
	dir     string
	url     string // of PostgreSQL
	cluster *testkit.Cluster
	people  apptest.People
	server  [2]*process
}

// newSite makes an installation on SQLite, or on the cluster's own database. Its
// folder is one that a restart does not empty, or the program would refuse it. The
// signer is a child of the server, or a process apart.
func newSite(t *testing.T, c *testkit.Cluster, apart bool) *site {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "hoshi-site-")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: dir, cluster: c}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	database := "{sqlite: hoshi.db}"
	if c != nil {
		s.url = c.URL("postgres")
		database = "{postgres: {url_file: url}}"
		s.write("url", s.url)
	}
	b, err := os.ReadFile("../../criteria/scheme.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s.write("scheme.yaml", string(b))
	for i := range s.server {
		s.write(fmt.Sprintf("hoshi-%d.yaml", i), "database: "+database+`
data: data
public: public
scheme: scheme.yaml
listen: 127.0.0.1:0
url: http://127.0.0.1:8080
signer: {socket: signer.sock`+map[bool]string{true: ", key: keys/key.pem, state: keys/state.json}\n", false: "}\n"}[!apart])
	}
	if err := os.Mkdir(filepath.Join(dir, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.run("signer", "init", "--key", "keys/key.pem", "--state", "keys/state.json", "--origin", "log.test/site", "--scheme", "hoshi-sample")
	if apart {
		sign := s.command("signer", "--key", "keys/key.pem", "--state", "keys/state.json", "--socket", "signer.sock")
		if err := sign.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := sign.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = sign.Wait() // killed, so never nil
		})
	}
	db := s.open()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.people = apptest.Seed(t, db)
	return s
}

func (s *site) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) engine() store.Engine {
	if s.cluster != nil {
		return postgres.Engine{URL: s.url}
	}
	return sqlite.Engine{Path: filepath.Join(s.dir, "hoshi.db")}
}

// command is the real program in the installation's folder.
func (s *site) command(args ...string) *exec.Cmd {
	s.t.Helper()
	bin, err := hoshi()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(bin, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOSHI_LANG=en")
	testkit.EndWithUs(cmd)
	return cmd
}

func (s *site) run(args ...string) string {
	s.t.Helper()
	out, err := s.command(args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("hoshi %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// serve starts a server and returns when it answers.
func (s *site) serve(i int) {
	s.t.Helper()
	p := &process{cmd: s.command("serve", "--config", fmt.Sprintf("hoshi-%d.yaml", i)), out: &lines{}}
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, p.out
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.server[i] = p
	_ = w.Close() // the child has its own
	defer r.Close()
	s.t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // usually over by now
	if err := r.SetReadDeadline(time.Now().Add(60 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	b := make([]byte, 256)
	n, err := r.Read(b)
	if err != nil || !strings.HasPrefix(string(b[:n]), "Running") {
		s.t.Fatalf("the server does not start: %q, %v\n%s", b[:n], err, p.out)
	}
}

// client is a granting process of its own.
type client = process

// task is what a granting process is told.
type task struct {
	SQLite, Postgres string
	Blobs            string
	Acks             string
	Pause            time.Duration
	People           apptest.People
}

func (s *site) client(i int) *client {
	s.t.Helper()
	text, err := json.Marshal(task{SQLite: filepath.Join(s.dir, "hoshi.db"), Postgres: s.url, Blobs: s.t.TempDir(), Acks: s.ackFile(i), People: s.people,
		Pause: 100 * time.Millisecond})
	if err != nil {
		s.t.Fatal(err)
	}
	p := &client{cmd: exec.Command(os.Args[0]), out: &lines{}}
	p.cmd.Env = append(os.Environ(), clientEnv+"="+string(text))
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	testkit.EndWithUs(p.cmd)
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // usually over by now
	return p
}

// granting grants labels until it is killed, as a second node of the server would,
// and writes each down, on the disk, once it was acknowledged.
func granting(text string) error {
	var k task
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return err
	}
	var e store.Engine = sqlite.Engine{Path: k.SQLite}
	if k.Postgres != "" {
		e = postgres.Engine{URL: k.Postgres}
	}
	acks, err := os.OpenFile(k.Acks, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	set, err := demo.Settings()
	if err != nil {
		return err
	}
	ctx := context.Background()
	db, err := store.Open(ctx, e, time.Now)
	for tries := 0; err != nil; tries++ {
		if tries == 200 {
			return err
		}
		<-time.After(50 * time.Millisecond) // the database may be starting
		db, err = store.Open(ctx, e, time.Now)
	}
	s, err := apptest.Service(db, set, "", k.Blobs)
	if err != nil {
		return err
	}
	for {
		l, err := apptest.Grant(ctx, s, k.People, "star1")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			<-time.After(20 * time.Millisecond) // something was killed
			continue
		}
		line, err := json.Marshal(ack{l.ID, l.Registration, l.Serial})
		if err != nil {
			return err
		}
		if _, err := acks.Write(append(line, '\n')); err != nil {
			return err
		}
		if err := acks.Sync(); err != nil {
			return err
		}
		<-time.After(k.Pause) // SQLite gives no turns: without a pause others starve
	}
}
