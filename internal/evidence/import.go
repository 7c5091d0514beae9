package evidence

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"hoshi/internal/criteria"
	"hoshi/internal/evidence/imported"
	"hoshi/internal/fact"
	"hoshi/internal/fault"
	"hoshi/internal/probe"
)

// most files of one tool in a bundle.
const mostImports = 20

// Import adds the output of another tool to the run, the file itself and its facts,
// and computes facts and verdicts anew. It returns the name that the file has in
// the bundle.
func (r *Run) Import(b []byte) (name string, err error) {
	f, err := readImport(b)
	if err != nil {
		return "", err
	}
	tool, _, _ := strings.Cut(f.Tool, ".")
	for n := 1; ; n++ {
		if n > mostImports {
			return "", fault.New(fault.Invalid, "evidence.Import", "evidence.import-too-many", "limit", mostImports)
		}
		name = fmt.Sprintf("%s-%d.%s", tool, n, f.Ext())
		if have, taken := r.Imports[name]; !taken {
			break
		} else if string(have) == string(b) {
			return "", fault.New(fault.Conflict, "evidence.Import", "evidence.import-again", "file", name)
		}
	}
	r.Imports = maps.Clone(r.Imports)
	if r.Imports == nil {
		r.Imports = map[string][]byte{}
	}
	r.Imports[name] = b
	r.Facts, r.Verdicts, err = r.Conclude()
	return name, err
}

// CheckImport refuses what Import would not read.
func CheckImport(b []byte) error {
	_, err := readImport(b)
	return err
}

func readImport(b []byte) (imported.File, error) {
	f, err := imported.Parse("", b)
	if err == nil {
		return f, nil
	}
	key := "evidence.import-foreign"
	switch {
	case errors.Is(err, imported.ErrMany):
		key = "evidence.import-many"
	case errors.Is(err, imported.ErrLarge):
		key = "evidence.import-large"
	case errors.Is(err, imported.ErrFacts):
		key = "evidence.import-facts"
	}
	return f, fault.Wrap(fault.Invalid, "evidence.Import", err, key, "limit", imported.MaxFile>>20, "facts", imported.MaxFacts)
}

// Beside is one thing that another tool states, beside Hoshi's own fact.
type Beside struct {
	ID       string `json:"id"`
	File     string `json:"file"`     // where the imported fact comes from
	Imported string `json:"imported"` // its value as JSON; "" = the other tool says nothing
	Own      string `json:"own"`      // "" = Hoshi says nothing
	Same     bool   `json:"same"`
}

// OfTarget reports that a file of another tool is about the address of the run: the
// same address, however it is written.
func OfTarget(file, run string) bool {
	a, err := netip.ParseAddr(file)
	b, err2 := netip.ParseAddr(run)
	return err == nil && err2 == nil && a.Unmap().WithZone("") == b.Unmap().WithZone("")
}

// ImportsUsed reports that a verdict rests on what other tools stated.
func ImportsUsed(vs []criteria.Verdict) bool {
	return slices.ContainsFunc(vs, func(v criteria.Verdict) bool { return len(v.Imported) > 0 })
}

// SideBySide sets imported facts beside Hoshi's own of the same id, those that
// differ first, and lists own open ports that an import of all ports does not have.
func SideBySide(facts fact.Set) []Beside {
	own := map[string]fact.Fact{}
	theirs := map[string]bool{}
	for _, f := range facts {
		if f.Origin == fact.Imported {
			theirs[f.ID()] = true
			theirs[f.Name] = theirs[f.Name] || probe.Int(f.Value, "asked") >= 65535
		} else {
			own[f.ID()] = f
		}
	}
	var out []Beside
	for _, f := range facts {
		switch {
		case f.Origin == fact.Imported && f.Name != "import.file":
			b := Beside{ID: f.ID(), File: strings.Join(f.Source, ", "), Imported: text(f.Value)}
			if o, ok := own[f.ID()]; ok {
				b.Own, b.Same = text(o.Value), agree(f, o)
			}
			out = append(out, b)
		case f.Name == "tcp.open" && theirs["tcp.coverage"] && !theirs[f.ID()], f.Name == "udp.open" && theirs["udp.coverage"] && !theirs[f.ID()]:
			out = append(out, Beside{ID: f.ID(), Own: text(f.Value)})
		}
	}
	slices.SortStableFunc(out, func(a, b Beside) int {
		if a.Same != b.Same {
			if b.Same {
				return -1
			}
			return 1
		}
		return fact.Compare(a.ID, b.ID)
	})
	return out
}

// agree compares what both tools can know: the lists of versions and suites, the
// certificates by their hash, the protocol, or else the whole value.
func agree(theirs, own fact.Fact) bool {
	for _, member := range map[string][]string{"tls.version": {"versions"}, "tls.suite": {"suites"}, "service.protocol": {"protocol", "tls"},
		"udp.open": {}, "tcp.coverage": {"open", "closed", "filtered"}, "udp.coverage": {"open"}}[theirs.Name] {
		a, _ := theirs.Value.(map[string]any)
		b, _ := own.Value.(map[string]any)
		if text(a[member]) != text(b[member]) {
			return false
		}
	}
	switch theirs.Name {
	case "tls.version", "tls.suite", "service.protocol", "udp.open", "tcp.coverage", "udp.coverage":
		return true
	case "tls.certificate":
		return text(theirs.Marks()) == text(own.Marks())
	}
	return text(theirs.Value) == text(own.Value)
}
