package config

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hoshi/internal/fault"
)

// maxSecret bounds a file that holds one secret, in bytes.
const maxSecret = 64 << 10

// Check looks at the machine and refuses what would lose acknowledged data or
// show a secret: a database, evidence or log on a file system that a restart
// empties; SQLite on a network file system, where its locks do not hold; key files
// that everybody can read; PostgreSQL asked to acknowledge before it has written.
// getenv reads the environment. It connects to nothing and creates nothing.
func (c *Config) Check(getenv func(string) string) error {
	var places []fault.Place
	bad := func(field, key string, args ...any) {
		places = append(places, fault.Place{File: c.file, Field: field, Key: key, Args: fault.Pairs(args...)})
	}
	for field, path := range map[string]string{"database.sqlite": c.Database.SQLite, "data": c.Data, "public": c.Public, "signer.state": c.Signer.State} {
		if path == "" {
			continue
		}
		switch kind := fileSystem(path); {
		case kind == volatileFS:
			bad(field, "config.volatile", "path", path)
		case kind == networkFS && field == "database.sqlite":
			bad(field, "config.network-fs", "path", path)
		}
	}
	for field, path := range map[string]string{"database.postgres.url_file": c.Database.Postgres.URLFile, "tls.key": c.TLS.Key, "signer.key": c.Signer.Key} {
		if path != "" {
			checkSecretFile(field, path, bad)
		}
	}
	for field, path := range map[string]string{"scheme": c.Scheme, "editions": c.Editions, "tls.certificate": c.TLS.Certificate} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			bad(field, "config.missing-file", "path", path)
		}
	}
	if rel, err := filepath.Rel(c.Data, c.Signer.State); c.Signer.State != "" && err == nil && filepath.IsLocal(rel) {
		bad("signer.state", "config.signer-inside", "path", c.Signer.State)
	}
	if c.Database.SQLite == "" && places == nil {
		u, err := c.PostgresURL(getenv)
		if err != nil {
			return err
		}
		if why := losesCommits(u); why != "" {
			bad("database.postgres", "config.lossy-postgres", "option", why)
		}
	}
	if places == nil {
		return nil
	}
	slices.SortFunc(places, func(a, b fault.Place) int { return strings.Compare(a.Field, b.Field) })
	return &fault.Error{Kind: fault.Invalid, Op: "config.Check", Key: "config.invalid", Args: fault.Pairs("file", c.file), Places: places}
}

// PostgresURL reads the secret from its file or variable.
func (c *Config) PostgresURL(getenv func(string) string) (string, error) {
	const op = "config.PostgresURL"
	pg := c.Database.Postgres
	if pg.URLEnv != "" {
		if v := strings.TrimSpace(getenv(pg.URLEnv)); v != "" {
			return v, nil
		}
		return "", fault.New(fault.Invalid, op, "config.missing-env", "name", pg.URLEnv)
	}
	f, err := os.Open(pg.URLFile)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, op, err, "config.missing-secret", "path", pg.URLFile)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret))
	if err != nil {
		return "", fault.Wrap(fault.Invalid, op, err, "config.missing-secret", "path", pg.URLFile)
	}
	return strings.TrimSpace(string(b)), nil
}

// losesCommits names the option of a connection text that acknowledges commits
// before they are on disk, or "".
func losesCommits(text string) string {
	low := strings.ToLower(text)
	if v, err := url.QueryUnescape(low); err == nil {
		low = v
	}
	low = strings.NewReplacer(" ", "", "'", "").Replace(low)
	for _, o := range []string{"synchronous_commit=off", "synchronous_commit=local", "fsync=off", "full_page_writes=off"} {
		if strings.Contains(low, o) {
			return o
		}
	}
	return ""
}

func checkSecretFile(field, path string, bad func(field, key string, args ...any)) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && st.IsDir():
		bad(field, "config.missing-file", "path", path)
	case err != nil:
		bad(field, "config.missing-secret", "path", path)
	case st.Mode().Perm()&0o007 != 0:
		bad(field, "config.world-readable", "path", path, "mode", st.Mode().Perm())
	}
}

func hostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	return err == nil && port != ""
}

// siteURL accepts https, and http for loopback names only, without a path.
func siteURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Hostname())
}

// Loopback reports whether a host name means this machine only.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// existing is the nearest folder above path that exists already.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil {
			return path
		}
		up := filepath.Dir(path)
		if up == path {
			return path
		}
		path = up
	}
}

type fsKind int

const (
	durableFS  fsKind = iota
	volatileFS        // emptied by a restart
	networkFS
)
