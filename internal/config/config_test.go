package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hoshi/internal/config"
	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

const good = `database: {sqlite: hoshi.db}
data: data
scheme: scheme.yaml
listen: 127.0.0.1:8080
url: https://portal.example
signer: {socket: signer.sock}
`

// write puts files into a folder that survives a restart: /tmp may not.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "hoshi-config-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoadResolvesPathsAndDefaults(t *testing.T) {
	dir := write(t, map[string]string{"hoshi.yaml": good, "scheme.yaml": ""})
	c, err := config.Load(filepath.Join(dir, "hoshi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Database.SQLite, filepath.Join(dir, "hoshi.db"); got != want {
		t.Errorf("database: %s, want %s", got, want)
	}
	if got, want := c.Public, filepath.Join(dir, "data", "public"); got != want {
		t.Errorf("public: %s, want %s", got, want)
	}
	if *c.Quorum != 0 {
		t.Errorf("quorum %d without witnesses", *c.Quorum)
	}
	if err := c.Check(func(string) string { return "" }); err != nil {
		t.Errorf("a good file is refused: %v", err)
	}
}

// Each case changes one line of the good file and must be refused for that field
// and that reason, and for nothing else.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ old, new, field, key string }{
		"unknown key":          {"data: data", "data: data\ndemo: true", "", "config.yaml"},
		"demo sign-in":         {"data: data", "data: data\nsign_in: demo", "", "config.yaml"},
		"key twice":            {"data: data", "data: data\ndata: other", "", "config.yaml"},
		"wrong type":           {"data: data", "data: [a]", "", "config.yaml"},
		"no data":              {"data: data\n", "", "data", "config.required"},
		"no signer":            {"signer: {socket: signer.sock}", "", "signer.socket", "config.required"},
		"two engines":          {"database: {sqlite: hoshi.db}", "database: {sqlite: hoshi.db, postgres: {url_env: PG}}", "database", "config.one-of"},
		"no engine":            {"database: {sqlite: hoshi.db}", "database: {}", "database", "config.one-of"},
		"memory":               {"hoshi.db", `"file::memory:"`, "database.sqlite", "config.volatile"},
		"listen without port":  {"127.0.0.1:8080", "127.0.0.1", "listen", "config.address"},
		"plain http elsewhere": {"https://portal.example", "http://portal.example", "url", "config.url"},
		"quorum":               {"data: data", "data: data\nquorum: 1", "quorum", "config.quorum"},
		"half of tls":          {"data: data", "data: data\ntls: {key: k.pem}", "tls", "config.tls"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse("hoshi.yaml", []byte(strings.Replace(good, c.old, c.new, 1)))
			wantPlace(t, err, c.field, c.key)
		})
	}
}

func TestCheckLooksAtTheMachine(t *testing.T) {
	for name, c := range map[string]struct {
		old, new   string
		env        map[string]string
		mode       os.FileMode
		field, key string
	}{
		"database in memory":    {old: "hoshi.db", new: "/dev/shm/hoshi.db", field: "database.sqlite", key: "config.volatile"},
		"evidence in memory":    {old: "data: data", new: "data: /dev/shm/hoshi\npublic: public", field: "data", key: "config.volatile"},
		"log in memory":         {old: "data: data", new: "data: data\npublic: /dev/shm/hoshi", field: "public", key: "config.volatile"},
		"no scheme":             {old: "scheme.yaml", new: "other.yaml", field: "scheme", key: "config.missing-file"},
		"secret for everybody":  {old: "sqlite: hoshi.db", new: "postgres: {url_file: secret}", mode: 0o644, field: "database.postgres.url_file", key: "config.world-readable"},
		"forgets commits, file": {old: "sqlite: hoshi.db", new: "postgres: {url_file: secret}", mode: 0o600, field: "database.postgres", key: "config.lossy-postgres"},
		"forgets commits, env": {old: "sqlite: hoshi.db", new: "postgres: {url_env: PG}", field: "database.postgres", key: "config.lossy-postgres",
			env: map[string]string{"PG": "host=h options='-c synchronous_commit=off'"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{
				"hoshi.yaml": strings.Replace(good, c.old, c.new, 1), "scheme.yaml": "",
				"secret": "postgres://u:p@h/d?options=-c%20synchronous_commit%3Doff\n"})
			if c.mode != 0 {
				if err := os.Chmod(filepath.Join(dir, "secret"), c.mode); err != nil {
					t.Fatal(err)
				}
			}
			cfg, err := config.Load(filepath.Join(dir, "hoshi.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			wantPlace(t, cfg.Check(func(k string) string { return c.env[k] }), c.field, c.key)
		})
	}
}

func wantPlace(t *testing.T, err error, field, key string) {
	t.Helper()
	e, ok := err.(*fault.Error)
	if !ok || e.Kind != fault.Invalid {
		t.Fatalf("got %v, want a refusal", err)
	}
	if len(e.Places) != 1 || e.Places[0].Field != field || e.Places[0].Key != key {
		t.Errorf("got %v, want one place %q %s", e, field, key)
	}
	for _, p := range e.Places {
		if !i18n.Has(p.Key) {
			t.Errorf("no sentence for %s", p.Key)
		}
		if field == "" && p.Line == 0 {
			t.Errorf("no line in %v", p)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("database: &a [*a]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := config.Parse("hoshi.yaml", b)
		if (c == nil) == (err == nil) {
			t.Errorf("%v, %v", c, err)
		}
	})
}

// The sample that operators start from is a right one.
func TestDeploySample(t *testing.T) {
	if _, err := config.Load("../../deploy/hoshi.yaml"); err != nil {
		t.Error(err)
	}
}
