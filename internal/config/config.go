// Package config is hoshi.yaml: where a server keeps its data, whom it talks to and
// on which addresses it listens. The field comments of [Config] are the manual.
//
// It is not the scheme: levels, numbers and periods are scheme.yaml (package
// scheme). There is no setting here that lets people in without a password; the
// demo alone does that, and it cannot be configured.
//
// Start at [Config]; [Load] reads strictly, [Config.Check] says what would lose data.
package config

import (
	"bytes"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"hoshi/internal/fault"
)

// Config is hoshi.yaml. Relative paths count from the folder of the file. Every
// key may be left out unless its comment says "required".
type Config struct {
	// Database holds what the portal knows. Required.
	Database Database `yaml:"database"`
	// Data is the folder of the evidence files ("blobs") that vendors keep in the
	// portal. It must survive a restart of the machine, and is part of a backup.
	// Required.
	Data string `yaml:"data"`
	// Public is the folder of the public pages and the log, served as files. When
	// several servers share one database, they share this folder too. Default:
	// "public" inside Data.
	Public string `yaml:"public"`
	// Scheme is the path of scheme.yaml. Required.
	Scheme string `yaml:"scheme"`
	// Editions is a folder of criteria editions beside the ones in the program.
	Editions string `yaml:"editions"`
	// Listen is the address of the server: "127.0.0.1:8080". Required.
	Listen string `yaml:"listen"`
	// URL is where people reach the server: "https://portal.example". Cookies are
	// sent over https only unless the host is a loopback address. Required.
	URL string `yaml:"url"`
	// TLS lets the server speak https itself; without it, a proxy in front does.
	TLS TLS `yaml:"tls"`
	// Signer is the process that holds the log's key ("hoshi signer"). Required.
	Signer Signer `yaml:"signer"`
	// Witnesses cosign the log's checkpoints.
	Witnesses []Witness `yaml:"witnesses"`
	// Quorum is how many witnesses must have cosigned before a checkpoint is
	// published. Default: all of them.
	Quorum *int `yaml:"quorum"`
	// Health is the address of the health check, apart from the public one:
	// "127.0.0.1:8081". Default: "/healthz" on Listen, for loopback callers only.
	Health string `yaml:"health"`

	dir  string // folder that relative paths count from
	file string
}

// Database is one of two engines; exactly one is given.
type Database struct {
	// SQLite is the path of the database file, on a local disk.
	SQLite string `yaml:"sqlite"`
	// Postgres is a PostgreSQL server of version 15 or later.
	Postgres Postgres `yaml:"postgres"`
}

// Postgres says how to reach the server. The URL holds a password, so it is never
// in hoshi.yaml itself: exactly one of the two is given.
type Postgres struct {
	// URLFile is a file with one line: "postgres://user:password@host/database".
	// Others than its owner and group must not be able to read it.
	URLFile string `yaml:"url_file"`
	// URLEnv names an environment variable that holds the same.
	URLEnv string `yaml:"url_env"`
}

// TLS is a certificate and its key, both PEM.
type TLS struct {
	// Certificate is the path of the chain, the server's own first.
	Certificate string `yaml:"certificate"`
	// Key is the path of the private key; others must not be able to read it.
	Key string `yaml:"key"`
}

// Signer names the signer process. With Key and State the server starts it as a
// child process of its own; without them it runs apart ("hoshi signer"), best
// under another user.
type Signer struct {
	// Socket is the path of its Unix socket. Required.
	Socket string `yaml:"socket"`
	// Key is the file of the log's private keys, made by "hoshi signer init".
	Key string `yaml:"key"`
	// State is the signer's own memory of what it signed last. It is never part of
	// a backup of the server, and must not lie inside Data.
	State string `yaml:"state"`
}

// Witness is one C2SP tlog-witness.
type Witness struct {
	// Key is its C2SP verifier key text: "name+hash+base64".
	Key string `yaml:"key"`
	// URL is its submission prefix: "https://witness.example". Required.
	URL string `yaml:"url"`
}

// MaxFile is the largest hoshi.yaml that is read, in bytes.
const MaxFile = 1 << 20

// Load reads a file strictly and makes its paths absolute. A key that is not in
// [Config], a missing required one and a second document are refused with their
// place (fault.Invalid).
func Load(file string) (*Config, error) {
	const op = "config.Load"
	f, err := os.Open(file)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, op, err, "config.open", "file", file)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, op, err, "config.open", "file", file)
	}
	if len(b) > MaxFile {
		return nil, fault.New(fault.TooLarge, op, "config.large", "file", file)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err, "config.open", "file", file)
	}
	c, err := Parse(file, b)
	if err != nil {
		return nil, err
	}
	c.dir = filepath.Dir(abs)
	c.resolve()
	return c, nil
}

// Parse reads the text of a hoshi.yaml; file names it in errors.
func Parse(file string, b []byte) (*Config, error) {
	const op = "config.Parse"
	c := &Config{file: file}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		return nil, &fault.Error{Kind: fault.Invalid, Op: op, Key: "config.invalid", Args: fault.Pairs("file", file), Places: yamlPlaces(file, err), Err: err}
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, fault.Wrap(fault.Invalid, op, err, "config.second", "file", file)
	}
	var places []fault.Place
	bad := func(field, key string, args ...any) {
		places = append(places, fault.Place{File: file, Field: field, Key: key, Args: fault.Pairs(args...)})
	}
	c.shape(bad)
	if places != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Op: op, Key: "config.invalid", Args: fault.Pairs("file", file), Places: places}
	}
	return c, nil
}

// shape checks what can be seen without looking at the disk.
func (c *Config) shape(bad func(field, key string, args ...any)) {
	for field, v := range map[string]string{"data": c.Data, "scheme": c.Scheme, "listen": c.Listen, "url": c.URL, "signer.socket": c.Signer.Socket} {
		if v == "" {
			bad(field, "config.required")
		}
	}
	pg := c.Database.Postgres
	switch {
	case c.Database.SQLite == "" && pg == (Postgres{}), c.Database.SQLite != "" && pg != (Postgres{}):
		bad("database", "config.one-of", "a", "sqlite", "b", "postgres")
	case pg.URLFile != "" && pg.URLEnv != "":
		bad("database.postgres", "config.one-of", "a", "url_file", "b", "url_env")
	}
	if strings.Contains(c.Database.SQLite, ":memory:") {
		bad("database.sqlite", "config.volatile", "path", c.Database.SQLite)
	}
	if c.Listen != "" && !hostPort(c.Listen) {
		bad("listen", "config.address", "value", c.Listen)
	}
	if c.Health != "" && !hostPort(c.Health) {
		bad("health", "config.address", "value", c.Health)
	}
	if c.URL != "" && !siteURL(c.URL) {
		bad("url", "config.url", "value", c.URL)
	}
	if (c.TLS.Certificate == "") != (c.TLS.Key == "") {
		bad("tls", "config.tls")
	}
	if (c.Signer.Key == "") != (c.Signer.State == "") {
		bad("signer", "config.signer")
	}
	for i, w := range c.Witnesses {
		at := "witnesses[" + strconv.Itoa(i) + "]"
		if w.Key == "" {
			bad(at+".key", "config.required")
		}
		if u, err := url.Parse(w.URL); err != nil || !siteURL(u.Scheme+"://"+u.Host) || u.RawQuery != "" {
			bad(at+".url", "config.url", "value", w.URL)
		}
	}
	if c.Quorum != nil && (*c.Quorum < 0 || *c.Quorum > len(c.Witnesses)) {
		bad("quorum", "config.quorum", "count", len(c.Witnesses))
	}
}

// resolve makes paths absolute and fills in defaults.
func (c *Config) resolve() {
	if c.Public == "" {
		c.Public = filepath.Join(c.Data, "public")
	}
	for _, p := range []*string{&c.Database.SQLite, &c.Database.Postgres.URLFile, &c.Data, &c.Public, &c.Scheme, &c.Editions,
		&c.TLS.Certificate, &c.TLS.Key, &c.Signer.Socket, &c.Signer.Key, &c.Signer.State} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(c.dir, *p)
		}
	}
	if c.Quorum == nil {
		n := len(c.Witnesses)
		c.Quorum = &n
	}
}

// Blobs is the folder of the evidence files.
func (c *Config) Blobs() string { return filepath.Join(c.Data, "blobs") }

var yamlLine = regexp.MustCompile(`^line (\d+): (.*)$`)

// yamlPlaces turns the decoder's list into places with their lines.
func yamlPlaces(file string, err error) []fault.Place {
	var list []string
	if t, ok := errors.AsType[*yaml.TypeError](err); ok {
		list = t.Errors
	} else {
		list = []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	var out []fault.Place
	for _, s := range list {
		p := fault.Place{File: file, Key: "config.yaml", Args: fault.Pairs("why", s)}
		if m := yamlLine.FindStringSubmatch(s); m != nil {
			p.Line, _ = strconv.Atoi(m[1]) // the pattern holds digits only
			p.Args = fault.Pairs("why", m[2])
		}
		out = append(out, p)
	}
	return out
}
