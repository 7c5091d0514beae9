package scheme

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// Settings is scheme.yaml: everything about one scheme that the report leaves
// open or that is not public. A second scheme is a second file, not a release.
type Settings struct {
	ID   string    `yaml:"id"`   // "demo-star": lower-case letters, digits, hyphens
	Name i18n.Text `yaml:"name"` // full name of the scheme
	// Notice stands on every page: what this scheme is and is not.
	Notice i18n.Text `yaml:"notice"`
	Owner  i18n.Text `yaml:"owner"` // name of the scheme owner
	// URL is where the scheme is explained.
	URL  string `yaml:"url"`
	Host string `yaml:"host"` // host name printed in QR codes: "star.example"
	Zone string `yaml:"zone"` // IANA time zone of the scheme's days: "Asia/Tokyo"

	Levels   []Level                `yaml:"levels"`
	Numbers  map[NumberKind]Pattern `yaml:"numbers"`
	Validity Validity               `yaml:"validity"`
	// StatusListTTL is how long a status list may be used after its time.
	StatusListTTL time.Duration `yaml:"status_list_ttl"`
	// MaxBundleBytes bounds an uploaded evidence bundle; refused before it is read.
	MaxBundleBytes int64 `yaml:"max_bundle_bytes"`

	zone *time.Location
}

// MaxStatusListTTL bounds StatusListTTL: a list that lives longer would hide a
// revocation from everybody who is shown an old copy of it.
const MaxStatusListTTL = 31 * 24 * time.Hour

// Level is one level of conformity assessment (適合性評価レベル).
type Level struct {
	ID      string    `yaml:"id"`    // "star1"
	Name    i18n.Text `yaml:"name"`  // "☆1"
	Stars   int       `yaml:"stars"` // how many the label shows
	Short   string    `yaml:"short"` // in numbers: "1"
	Meaning i18n.Text `yaml:"meaning"`
	// SelfDeclared: the vendor attests (自己適合宣言); otherwise the scheme owner does.
	SelfDeclared bool `yaml:"self_declared"`
	// Editions that the scheme owner has signed off; grants happen under no other.
	Editions []string `yaml:"editions"`
}

// Validity is how long a label may hold.
type Validity struct {
	MaxMonths int `yaml:"max_months"`
}

var settingsID = regexp.MustCompile(`^[a-z][a-z0-9-]{1,30}$`)

// LoadSettings reads scheme.yaml strictly; file names the place in errors.
func LoadSettings(file string, b []byte) (*Settings, error) {
	const op = "scheme.LoadSettings"
	var s Settings
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&s); err != nil && !errors.Is(err, io.EOF) {
		e := fault.Wrap(fault.Invalid, op, err, "settings.yaml", "file", file, "why", err.Error())
		return nil, e
	}
	var places []fault.Place
	bad := func(field, key string, args ...any) {
		places = append(places, fault.Place{File: file, Field: field, Key: key, Args: fault.Pairs(args...)})
	}
	if !settingsID.MatchString(s.ID) {
		bad("id", "settings.id")
	}
	for field, t := range map[string]i18n.Text{"name": s.Name, "notice": s.Notice, "owner": s.Owner} {
		if t.JA == "" || t.EN == "" {
			bad(field, "settings.both-languages")
		}
	}
	if s.Host == "" {
		bad("host", "settings.required")
	}
	zone, err := time.LoadLocation(s.Zone)
	if err != nil || s.Zone == "" {
		bad("zone", "settings.zone", "zone", s.Zone)
	}
	s.zone = zone
	if len(s.Levels) == 0 {
		bad("levels", "settings.required")
	}
	seen := map[string]bool{}
	for i, l := range s.Levels {
		at := fmt.Sprintf("levels[%d]", i)
		if l.ID == "" || seen[l.ID] {
			bad(at+".id", "settings.unique")
		}
		seen[l.ID] = true
		if l.Stars < 0 || l.Stars > 9 {
			bad(at+".stars", "settings.stars")
		}
		for field, t := range map[string]i18n.Text{".name": l.Name, ".meaning": l.Meaning} {
			if t.JA == "" || t.EN == "" {
				bad(at+field, "settings.both-languages")
			}
		}
	}
	for _, k := range NumberKinds {
		if err := s.Numbers[k].Validate(); err != nil {
			bad("numbers."+string(k), "settings.pattern", "why", err.Error())
		}
	}
	if s.Validity.MaxMonths < 1 || s.Validity.MaxMonths > 120 {
		bad("validity.max_months", "settings.months")
	}
	if s.StatusListTTL <= 0 {
		bad("status_list_ttl", "settings.required")
	}
	if s.StatusListTTL > MaxStatusListTTL {
		bad("status_list_ttl", "settings.ttl", "limit", int(MaxStatusListTTL/(24*time.Hour)))
	}
	if s.MaxBundleBytes <= 0 {
		bad("max_bundle_bytes", "settings.required")
	}
	slices.SortFunc(places, func(a, b fault.Place) int { return strings.Compare(a.Field, b.Field) })
	if places != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Op: op, Key: "settings.invalid", Args: fault.Pairs("file", file), Places: places}
	}
	return &s, nil
}

// Location is the time zone of the scheme's days.
func (s *Settings) Location() *time.Location { return s.zone }

// Level returns the level of an id.
func (s *Settings) Level(id string) (Level, bool) {
	for _, l := range s.Levels {
		if l.ID == id {
			return l, true
		}
	}
	return Level{}, false
}

// EditionInForce reports whether grants may happen at the level under the edition.
func (s *Settings) EditionInForce(level, edition string) bool {
	l, ok := s.Level(level)
	if !ok {
		return false
	}
	for _, e := range l.Editions {
		if e == edition {
			return true
		}
	}
	return false
}
