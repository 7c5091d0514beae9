// Package i18n holds every sentence that Hoshi itself says, in Japanese and English.
//
// Sentences live in ja/*.json and en/*.json, one pair of files per room, as flat
// maps from key to text; {name} in a text is replaced by the argument of that
// name. The texts of criteria and schemes are data and live with them (see [Text]).
// Tests hold both languages to the same keys and the same arguments.
package i18n

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"hoshi/internal/fault"
)

// Lang is a language that Hoshi speaks.
type Lang string

const (
	JA Lang = "ja" // Japanese, the first language of the scheme
	EN Lang = "en"
)

// Langs lists the languages, the default first.
var Langs = []Lang{JA, EN}

// Other returns the other language, for the switch on every page.
func (l Lang) Other() Lang {
	if l == EN {
		return JA
	}
	return EN
}

// Parse returns the language for a tag such as "en-GB" or "ja", or JA when the
// tag names no language that Hoshi speaks.
func Parse(tag string) Lang {
	if strings.HasPrefix(strings.ToLower(tag), "en") {
		return EN
	}
	return JA
}

// Text is a sentence of the scheme's data in both languages.
type Text struct {
	JA string `json:"ja" yaml:"ja"`
	EN string `json:"en" yaml:"en"`
}

// In returns the text in the language.
func (t Text) In(l Lang) string {
	if l == EN {
		return t.EN
	}
	return t.JA
}

//go:embed ja/*.json en/*.json
var files embed.FS

var catalogue = mustLoad()

func mustLoad() map[Lang]map[string]string {
	c := make(map[Lang]map[string]string)
	for _, l := range Langs {
		m := make(map[string]string)
		names, err := fs.Glob(files, string(l)+"/*.json")
		if err != nil {
			panic(err)
		}
		for _, n := range names {
			b, err := files.ReadFile(n)
			if err != nil {
				panic(err)
			}
			var part map[string]string
			if err := json.Unmarshal(b, &part); err != nil {
				panic(fmt.Sprintf("i18n: %s: %v", n, err))
			}
			for k, v := range part {
				if _, dup := m[k]; dup {
					panic(fmt.Sprintf("i18n: %s: key %q stands in two files", path.Base(n), k))
				}
				m[k] = v
			}
		}
		c[l] = m
	}
	return c
}

// Has reports whether the catalogue has the key.
func Has(key string) bool {
	_, ok := catalogue[JA][key]
	return ok
}

// Keys returns all keys in order, for tests.
func Keys(l Lang) []string {
	ks := make([]string, 0, len(catalogue[l]))
	for k := range catalogue[l] {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	return ks
}

// T returns the sentence of the key with args given as name, value pairs.
// An unknown key comes back in brackets, so that it is seen and found by tests.
func (l Lang) T(key string, args ...any) string { return l.Format(key, fault.Pairs(args...)) }

// Format is T with the arguments in a map.
func (l Lang) Format(key string, args fault.Args) string {
	s, ok := catalogue[l][key]
	if !ok {
		return "[" + key + "]"
	}
	if len(args) == 0 || !strings.Contains(s, "{") {
		return s
	}
	rep := make([]string, 0, 2*len(args))
	for k, v := range args {
		t := ""
		switch v := v.(type) {
		case Text:
			t = v.In(l)
		case Key:
			t = l.T(string(v))
		default:
			t = fmt.Sprint(v)
		}
		rep = append(rep, "{"+k+"}", t)
	}
	return strings.NewReplacer(rep...).Replace(s)
}

// Key is an argument that is itself looked up in the catalogue.
type Key string

// Error returns the sentence for a person and, below it, one line for each place.
func (l Lang) Error(err error) (sentence string, places []string) {
	e, ok := asFault(err)
	if !ok {
		return l.T("fault.internal"), nil
	}
	key := e.Key
	if key == "" {
		key = "fault." + string(e.Kind)
	}
	for _, p := range e.Places {
		at := p.String()
		s := l.Format(p.Key, p.Args)
		if p.Rule != "" {
			s = p.Rule + " " + s
		}
		if at != "" {
			s = at + ": " + s
		}
		places = append(places, s)
	}
	return l.Format(key, e.Args), places
}
