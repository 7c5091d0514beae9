// Package imported reads the output of other tools, nmap XML, testssl.sh JSON and
// sslyze JSON, as facts of stated origin.
//
// Such facts stand beside Hoshi's own and never in their place: rules read them
// only where the edition says so. A file is foreign input: its size is bounded, it
// must be about one address, and what is not understood is left out.
package imported

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"

	"hoshi/internal/fact"
	"hoshi/internal/probe"
)

// MaxFile is the largest file that is taken in, in bytes.
const MaxFile = 8 << 20

// MaxFacts is how many facts one file may give, import.file not counted.
const MaxFacts = 4096

// Errors that say why a file is refused.
var (
	ErrForeign = errors.New("imported: not the output of a tool that is known")
	ErrMany    = errors.New("imported: the file is about more than one address")
	ErrLarge   = errors.New("imported: the file is too large")
	ErrFacts   = errors.New("imported: the file tells more than is taken in")
)

// File is the output of a tool as read.
type File struct {
	Tool    string // "nmap", "testssl.sh", "sslyze"
	Version string // "" = the file does not say
	Made    string // when, as a day in UTC; "" = the file does not say
	Target  string // the address that was looked at
	Facts   fact.Set
}

// Ext is the file name's ending that fits the tool.
func (f File) Ext() string {
	if f.Tool == "nmap" {
		return "xml"
	}
	return "json"
}

// Parse reads a file of any known tool. name stands as the source of its facts.
// The facts are sorted; the first fact of every file is import.file.
func Parse(name string, b []byte) (File, error) {
	if len(b) > MaxFile {
		return File{}, ErrLarge
	}
	var f File
	var err error
	switch t := bytes.TrimLeft(b, "\ufeff \t\r\n"); {
	case bytes.HasPrefix(t, []byte("<")):
		f, err = nmap(b)
	case bytes.HasPrefix(t, []byte("[")):
		f, err = testssl(b)
	case bytes.HasPrefix(t, []byte("{")):
		if f, err = sslyze(b); errors.Is(err, ErrForeign) {
			f, err = testsslPretty(b)
		}
	default:
		err = ErrForeign
	}
	if err != nil {
		return File{}, err
	}
	if len(f.Facts) > MaxFacts {
		return File{}, ErrFacts
	}
	sum := sha256.Sum256(b)
	f.Facts = append(f.Facts, stated("import.file", name, map[string]any{"tool": f.Tool, "version": f.Version, "made": f.Made, "target": f.Target, "sha256": hex.EncodeToString(sum[:])}))
	for i := range f.Facts {
		f.Facts[i].Source = []string{name}
	}
	f.Facts.Sort()
	return f, nil
}

func stated(name, subject string, v any) fact.Fact {
	f := probe.Observed(name, subject, v)
	f.Origin = fact.Imported
	return f
}

// address takes one address for the whole file.
func (f *File) address(s string) error {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return ErrForeign
	}
	a = a.Unmap()
	if f.Target != "" && f.Target != a.String() {
		return ErrMany
	}
	f.Target = a.String()
	return nil
}

// add takes the first fact of each name and subject; one too many is kept, for Parse
// to see.
func (f *File) add(x ...fact.Fact) {
	for _, y := range x {
		if len(f.Facts) <= MaxFacts && !slices.ContainsFunc(f.Facts, func(o fact.Fact) bool { return o.Name == y.Name && o.Subject == y.Subject }) {
			f.Facts = append(f.Facts, y)
		}
	}
}
