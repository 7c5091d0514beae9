package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
)

// ProductFormat is the first line of every product.yaml.
const ProductFormat = "hoshi-product/1"

// MaxProduct is the largest product.yaml, in bytes.
const MaxProduct = 256 << 10

// Product is what a vendor declares of a product in product.yaml: what it is,
// which accounts, ports, update paths and interfaces it has, and its information
// assets (守るべき情報, report 3.4 with footnotes 10 and 11): what, where stored,
// on which path sent.
type Product struct {
	Format     string      `yaml:"format"`
	Product    Identity    `yaml:"product"`
	Accounts   []Account   `yaml:"accounts"`
	Ports      []Port      `yaml:"ports"`
	Assets     []Asset     `yaml:"assets"`
	Paths      []Path      `yaml:"paths"`
	Updates    []Update    `yaml:"updates"`
	Interfaces []Interface `yaml:"interfaces"`
}

// Identity names the product.
type Identity struct {
	Name     i18n.Text `yaml:"name"`
	Vendor   i18n.Text `yaml:"vendor"`
	Models   []string  `yaml:"models"`   // 型番, at least one
	Firmware string    `yaml:"firmware"` // version that is on the device under test
}

// Account is a user account of the product.
type Account struct {
	User       string `yaml:"user"`
	Port       string `yaml:"port"`       // "tcp/443", of SNMP "udp/161"
	Initial    string `yaml:"initial"`    // one of Initials; empty = not said yet
	Changeable *bool  `yaml:"changeable"` // the user can change the value; nil = not said yet
	Secret     Secret `yaml:"secret"`     // where the test finds the value; optional
	SNMP       SNMP   `yaml:"snmp"`       // of a user of SNMP version 3 only
}

// SNMP says how a user of SNMP version 3 proves who it is. An account on a UDP port
// without it is a community.
type SNMP struct {
	Auth    string `yaml:"auth"`    // one of SNMPAuths
	Privacy string `yaml:"privacy"` // one of SNMPPrivacies
	Secret  Secret `yaml:"secret"`  // of the encryption, when it is not that of the account
}

// SNMPAuths and SNMPPrivacies are the ways to sign and to encrypt that can be tested.
var (
	SNMPAuths     = []string{"none", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"}
	SNMPPrivacies = []string{"", "des", "aes"}
)

// Initials are the ways in which the first value of an account is made.
var Initials = []string{"unique-per-device", "set-at-first-use", "shared", "none"}

// Secret says where a value is, never the value itself.
type Secret struct {
	Env  string `yaml:"env"`  // name of an environment variable
	File string `yaml:"file"` // path of a file that holds only the value
}

// Port is an open port that the product needs.
type Port struct {
	Port    string `yaml:"port"` // "tcp/443", "udp/5353"
	Service string `yaml:"service"`
	Reason  string `yaml:"reason"` // why it must be open; empty is allowed here and judged by the edition
}

// Asset is one information asset.
type Asset struct {
	ID     string   `yaml:"id"`
	Kind   string   `yaml:"kind"` // one of AssetKinds
	Name   string   `yaml:"name"`
	Stored string   `yaml:"stored"` // where; empty = not stored on the product
	Paths  []string `yaml:"paths"`  // ids of paths on which it is sent
}

// AssetKinds are the three kinds of report 3.4, footnotes 10 and 11.
var AssetKinds = []string{"communication-settings", "security-settings", "confidential"}

// Path is a way on which assets travel.
type Path struct {
	ID         string `yaml:"id"`
	Port       string `yaml:"port"`       // the product listens here; or
	To         string `yaml:"to"`         // the product connects there: "cloud:example.jp"
	URL        string `yaml:"url"`        // where an asset can be read on Port: "/settings.json"
	Network    *bool  `yaml:"network"`    // sent over an IP network; default true
	Public     bool   `yaml:"public"`     // meant to be read by anybody without a sign-in
	Protection string `yaml:"protection"` // "tls", "ssh", "dtls", "none" or another word
}

// Update is a way in which software is updated.
type Update struct {
	ID        string `yaml:"id"`
	Network   bool   `yaml:"network"`
	Integrity string `yaml:"integrity"` // how the update is checked before it is installed
}

// Interface is a physical or radio interface other than the network.
type Interface struct {
	Kind   string `yaml:"kind"` // one of InterfaceKinds
	Use    string `yaml:"use"`
	Reason string `yaml:"reason"`
}

// InterfaceKinds are the kinds that criterion S1.1-13 names beside ports.
var InterfaceKinds = []string{"bluetooth", "usb"}

var (
	lineError = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s*)?line (\d+): (.*)$`)
	wordID    = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
)

// ParseProduct reads product.yaml strictly: unknown members, wrong words and
// references that lead nowhere are refused, all at once, each with its line.
func ParseProduct(file string, b []byte) (*Product, error) {
	if len(b) > MaxProduct {
		return nil, fault.New(fault.TooLarge, "evidence.ParseProduct", "evidence.product-size", "limit", MaxProduct>>10)
	}
	c := &check{file: file}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		c.syntax(err)
		return nil, c.err()
	}
	p := &Product{}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(p); err != nil && !errors.Is(err, io.EOF) {
		c.syntax(err)
		return nil, c.err()
	}
	if len(doc.Content) > 0 {
		c.root = doc.Content[0]
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		c.add("evidence.product-one", "")
	}
	c.product(p)
	return p, c.err()
}

// check collects the faults of one file.
type check struct {
	file   string
	root   *yaml.Node
	places []fault.Place
}

func (c *check) err() error {
	if len(c.places) == 0 {
		return nil
	}
	e := fault.New(fault.Invalid, "evidence.ParseProduct", "evidence.product", "file", c.file)
	e.Places = c.places
	return e
}

func (c *check) syntax(err error) {
	lines := []string{err.Error()}
	var te *yaml.TypeError
	if errors.As(err, &te) {
		lines = te.Errors
	}
	for _, l := range lines {
		p := fault.Place{File: c.file, Key: "evidence.product-yaml", Args: fault.Args{"why": l}}
		if m := lineError.FindStringSubmatch(l); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
			p.Args["why"] = m[2]
		}
		c.places = append(c.places, p)
	}
}

// add reports a fault at a path such as "ports[2].port".
func (c *check) add(key, path string, args ...any) {
	n := c.root
	for part := range strings.SplitSeq(strings.NewReplacer("[", ".", "]", "").Replace(path), ".") {
		if n == nil || part == "" {
			break
		}
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == part {
					next = n.Content[i+1]
				}
			}
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(part); err == nil && i < len(n.Content) {
				next = n.Content[i]
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	p := fault.Place{File: c.file, Field: path, Key: key, Args: fault.Pairs(args...)}
	if n != nil {
		p.Line = n.Line
	}
	c.places = append(c.places, p)
}

func (c *check) product(p *Product) {
	if p.Format != ProductFormat {
		c.add("evidence.product-format", "format", "want", ProductFormat)
	}
	for _, f := range []struct{ path, v string }{
		{"product.name.ja", p.Product.Name.JA}, {"product.name.en", p.Product.Name.EN},
		{"product.vendor.ja", p.Product.Vendor.JA}, {"product.vendor.en", p.Product.Vendor.EN},
		{"product.firmware", p.Product.Firmware},
	} {
		if strings.TrimSpace(f.v) == "" {
			c.add("evidence.product-empty", f.path)
		}
	}
	if len(p.Product.Models) == 0 {
		c.add("evidence.product-empty", "product.models")
	}
	seen := map[string]bool{}
	unique := func(path, kind, id string) {
		if seen[kind+id] {
			c.add("evidence.product-twice", path, "value", id)
		}
		seen[kind+id] = true
	}
	for i, m := range p.Product.Models {
		at := fmt.Sprintf("product.models[%d]", i)
		if strings.TrimSpace(m) == "" {
			c.add("evidence.product-empty", at)
		}
		unique(at, "model ", m)
	}
	for i, a := range p.Accounts {
		at := fmt.Sprintf("accounts[%d]", i)
		if a.User == "" {
			c.add("evidence.product-empty", at+".user")
		}
		c.port(at+".port", a.Port, "tcp/", "udp/")
		if a.Initial != "" {
			c.word(at+".initial", a.Initial, Initials)
		}
		if a.Secret.Env != "" && a.Secret.File != "" {
			c.add("evidence.product-secret", at+".secret")
		}
		if a.SNMP != (SNMP{}) {
			c.word(at+".snmp.auth", a.SNMP.Auth, SNMPAuths)
			c.word(at+".snmp.privacy", a.SNMP.Privacy, SNMPPrivacies)
			if !strings.HasPrefix(a.Port, "udp/") || a.SNMP.Auth == "none" && a.SNMP.Privacy != "" || a.SNMP.Privacy == "" && a.SNMP.Secret != (Secret{}) {
				c.add("evidence.product-snmp", at+".snmp")
			}
			if a.SNMP.Secret.Env != "" && a.SNMP.Secret.File != "" {
				c.add("evidence.product-secret", at+".snmp.secret")
			}
		}
		unique(at, "account ", a.User+"@"+a.Port)
	}
	for i, x := range p.Ports {
		at := fmt.Sprintf("ports[%d]", i)
		c.port(at+".port", x.Port, "tcp/", "udp/")
		unique(at+".port", "port ", x.Port)
		if x.Service == "" {
			c.add("evidence.product-empty", at+".service")
		}
	}
	paths := map[string]bool{}
	for i, x := range p.Paths {
		at := fmt.Sprintf("paths[%d]", i)
		c.id(at+".id", x.ID)
		unique(at+".id", "path ", x.ID)
		paths[x.ID] = true
		if (x.Port == "") == (x.To == "") {
			c.add("evidence.product-path", at)
		} else if x.Port != "" {
			c.port(at+".port", x.Port, "tcp/", "udp/")
			if x.Network != nil && !*x.Network {
				c.add("evidence.product-path-network", at+".network")
			}
		}
		if x.URL != "" {
			if u, err := url.Parse(x.URL); err != nil || !strings.HasPrefix(x.URL, "/") || u.Host != "" || x.Port == "" {
				c.add("evidence.product-url", at+".url")
			}
		}
		if x.Protection == "" {
			c.add("evidence.product-empty", at+".protection")
		}
	}
	for i, a := range p.Assets {
		at := fmt.Sprintf("assets[%d]", i)
		c.id(at+".id", a.ID)
		unique(at+".id", "asset ", a.ID)
		c.word(at+".kind", a.Kind, AssetKinds)
		if a.Name == "" {
			c.add("evidence.product-empty", at+".name")
		}
		for j, id := range a.Paths {
			if !paths[id] {
				c.add("evidence.product-nopath", fmt.Sprintf("%s.paths[%d]", at, j), "value", id)
			}
		}
	}
	for i, u := range p.Updates {
		c.id(fmt.Sprintf("updates[%d].id", i), u.ID)
		unique(fmt.Sprintf("updates[%d].id", i), "update ", u.ID)
	}
	for i, x := range p.Interfaces {
		c.word(fmt.Sprintf("interfaces[%d].kind", i), x.Kind, InterfaceKinds)
	}
}

func (c *check) id(path, v string) {
	if !wordID.MatchString(v) {
		c.add("evidence.product-id", path, "value", v)
	}
}

func (c *check) word(path, v string, known []string) {
	if !slices.Contains(known, v) {
		c.add("evidence.product-word", path, "value", v, "known", strings.Join(known, ", "))
	}
}

func (c *check) port(path, v string, prefixes ...string) {
	n := probe.PortNumber(v)
	if n == 0 || !slices.ContainsFunc(prefixes, func(p string) bool { return v == p+strconv.Itoa(n) }) {
		c.add("evidence.product-port", path, "value", v)
	}
}
