package criteria

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

const example = "testdata/levelB-2026-example"

// exampleFS is the example edition in memory, with some text replaced.
func exampleFS(t testing.TB, edits ...[3]string) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(root, "testdata", func(p string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		b, err := fs.ReadFile(root, p)
		out[p] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range edits {
		name := path.Join(example, e[0])
		f := out[name]
		if f == nil {
			out[name] = &fstest.MapFile{Data: []byte(e[2])}
			continue
		}
		old := string(f.Data)
		if !strings.Contains(old, e[1]) {
			t.Fatalf("%s does not hold %q", name, e[1])
		}
		out[name] = &fstest.MapFile{Data: []byte(strings.Replace(old, e[1], e[2], 1))}
	}
	return out
}

// lineOf is the line and column of the first occurrence of s in a file.
func lineOf(t *testing.T, fsys fs.FS, name, s string) (line, col int) {
	t.Helper()
	b, err := fs.ReadFile(fsys, path.Join(example, name))
	if err != nil {
		t.Fatal(err)
	}
	i := strings.Index(string(b), s)
	if i < 0 {
		t.Fatalf("%s does not hold %q", name, s)
	}
	before := string(b[:i])
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:]) + 1
}

// Each fault is found once, at its place, with a sentence in both languages.
func TestFaults(t *testing.T) {
	const pass = "pass_if: tcp_open.size() <= most_open_ports"
	for _, tc := range []struct {
		key, file, old, new, at string // at: text at whose place the fault must stand; "" = not checked
	}{
		{"unknown-key", "EX-B-1.yaml", "evidence:", "evidense: []\nevidence:", "evidense"},
		{"duplicate-key", "EX-B-1.yaml", "evidence:", "sources: []\nevidence:", ""},
		{"missing-key", "EX-B-1.yaml", "sources: []", "", ""},
		{"missing-language", "EX-B-1.yaml", "why: {ja: 例です。, en: An example.}", "why: {ja: 例です。}", "{ja: 例です。}"},
		{"empty", "EX-B-1.yaml", "en: An example.", `en: ""`, `""`},
		{"unknown-status", "EX-B-1.yaml", "en: document, status: official", "en: document, status: sure", "sure"},
		{"unknown-word", "EX-B-1.yaml", "category: {is: basics", "category: {is: basic", ""},
		{"unknown-word", "EX-B-1.yaml", "scope: {is: vendor", "scope: {is: maker", "maker"},
		{"unknown-word", "EX-B-1.yaml", "is: EX-R1", "is: EX-R9", "EX-R9"},
		{"unknown-standard", "EX-B-1.yaml", "- {standard: ex-standard", "- {standard: iso-1", "iso-1"},
		{"unknown-version", "EX-B-1.yaml", `version: "1"`, `version: "2"`, `"2"`},
		{"kind-number", "EX-B-2.yaml", "{int: 3}", "{int: three}", "three"},
		{"kind-bool", "EX-B-2.yaml", "possible: false", "possible: no", "no\n"},
		{"kind-list", "EX-B-2.yaml", "sources: []", "sources: none", "none"},
		{"kind-map", "EX-B-2.yaml", "value: {int: 3}", "value: 3", "3\n"},
		{"kind-text", "EX-B-2.yaml", "en: Close unneeded ports, status", "en: [a], status", "[a]"},
		{"item-number", "EX-B-2.yaml", "{no: 1", "{no: 2", "2, ja"},
		{"empty-list", "EX-B-2.yaml", "requirements: [{is: EX-R2, status: official}]", "requirements: []", "[]"},
		{"threshold-one", "EX-B-2.yaml", "    value: {int: 3}\n", "", ""},
		{"threshold-unknown", "EX-B-2.yaml", "    status: official\n    value", "    status: unknown\n    value", ""},
		{"threshold-default", "EX-B-2.yaml", "value: {int: 3}", "default: {int: 3}", ""},
		{"threshold-kind", "EX-B-2.yaml", "value: {int: 3}", "value: {int: 3, list: [a]}", ""},
		{"name-form", "EX-B-2.yaml", "name: most_open_ports", "name: Most", "Most"},
		{"name-taken", "EX-B-2.yaml", "name: most_open_ports", "name: tcp_open", "tcp_open"},
		{"unknown-fact", "EX-B-2.yaml", "fact: tcp.open", "fact: tcp.opened", "tcp.opened"},
		{"need-form", "EX-B-2.yaml", "{fact: tcp.open, count: tcp.coverage.open}", "{fact: tcp.open}", "{fact: tcp.open}"},
		{"need-form-many", "EX-B-2.yaml", "count: tcp.coverage.open", "count: tcp.coverage.open, each: tcp.open", ""},
		{"need-count", "EX-B-2.yaml", "tcp.coverage.open}", "tcp.coverage.opened}", "tcp.coverage.opened"},
		{"need-base", "EX-B-2.yaml", "tcp.coverage.open}", "udp.coverage.open}", ""},
		{"need-each", "EX-B-2.yaml", "count: tcp.coverage.open", "each: tcp.coverage", ""},
		{"need-where", "EX-B-2.yaml", "count: tcp.coverage.open", "count: tcp.coverage.open, where: 'true'", ""},
		{"need-reads", "EX-B-2.yaml", "complete: it.value.undecided == 0", "complete: tcp_coverage.undecided == 0", "tcp_coverage.undecided"},
		{"need-seek", "EX-B-2.yaml", "count: tcp.coverage.open", "seek: true", ""},
		{"need-form-many", "EX-B-2.yaml", "count: tcp.coverage.open", "count: tcp.coverage.open, seek: true", ""},
		{"rule-needs", "EX-B-2.yaml", pass, "pass_if: udp_open.size() == 0", "udp_open.size()"},
		{"rule-constant", "EX-B-2.yaml", pass, "pass_if: most_open_ports > 2", "most_open_ports > 2"},
		{"rule-constant", "EX-B-1.yaml", `person_if: "true"`, `person_if: "1 > 2"`, ""},
		{"rule-same", "EX-B-2.yaml", pass, "pass_if: tcp_open.size() > most_open_ports", ""},
		{"rule-two", "EX-B-2.yaml", pass, pass + "\n    person_if: \"true\"", ""},
		{"rule-form", "EX-B-2.yaml", "id: R-B2-1", "id: rule1", "rule1"},
		{"duplicate", "EX-B-2.yaml", "id: R-B2-2", "id: R-B2-1", ""},
		{"no-decision", "EX-B-1.yaml", "    person_if: \"true\"\n    seen: {ja: 公開ページを読んで判断してください。, en: Read the public page and decide.}\n    now: {ja: 記録を見て、必要なら直してください。, en: Look at the record and mend what needs mending.}\n", "", ""},
		{"reason-name", "EX-B-2.yaml", "Open ports: {ports}", "Open ports: {port}", ""},
		{"na-impossible", "EX-B-2.yaml", pass, "na_if: tcp_open.size() <= most_open_ports", ""},
		{"bad-cel", "EX-B-2.yaml", pass, "pass_if: tcp_open.size() <= most_open_port", "most_open_port\n"},
		{"bad-cel", "EX-B-2.yaml", pass, "pass_if: tcp_open.exists(t, t.value.tls)", ".tls"},
		{"bad-cel", "EX-B-2.yaml", pass, "pass_if: >-\n      tcp_open.size() <=\n      most_open_port", ""},
		{"cel-type", "EX-B-2.yaml", pass, "pass_if: tcp_open.size()", "tcp_open.size()\n"},
		{"cel-map", "EX-B-2.yaml", pass, "pass_if: '{\"a\": 1}.all(k, tcp_open.size() == 1)'", ""},
		{"enum", "EX-B-3.yaml", `a.value.initial == "shared"`, `a.value.initial == "common"`, ""},
		{"syntax", "EX-B-1.yaml", "evidence:", "evidence: [", ""},
		{"second-document", "EX-B-1.yaml", "sources: []", "sources: []\n---\na: 1", ""},
		{"alias", "EX-B-1.yaml", "sources: []", "sources: &a []", ""},
		{"file-id", "EX-B-1.yaml", "id: EX-B-1", "id: EX-B-9", "EX-B-9"},
		{"file-missing", "edition.yaml", "criteria: [EX-B-1, EX-B-2, EX-B-3]", "criteria: [EX-B-1, EX-B-2, EX-B-3, EX-B-4]", "EX-B-4"},
		{"file-extra", "edition.yaml", "criteria: [EX-B-1, EX-B-2, EX-B-3]", "criteria: [EX-B-1, EX-B-2]", ""},
		{"file-extra", "stray.yaml", "", "a: 1", ""},
		{"duplicate", "edition.yaml", "criteria: [EX-B-1, EX-B-2, EX-B-3]", "criteria: [EX-B-1, EX-B-2, EX-B-3, EX-B-1]", ""},
		{"engine", "edition.yaml", "cel: v0.33.2", "cel: v0.34.0", "v0.34.0"},
		{"engine-cost", "edition.yaml", "cost: 100000", "cost: 0", ""},
		{"legend", "edition.yaml", "  - {id: unknown, status: official, ja: 不明, en: unknown}\n", "", ""},
		{"format", "edition.yaml", "hoshi-edition/1", "hoshi-edition/2", "hoshi-edition/2"},
		{"id-form", "edition.yaml", "id: levelB-2026-example", "id: level B", "level B"},
		{"too-large", "EX-B-1.yaml", "sources: []", "sources: []\n#" + strings.Repeat("x", MaxFile), ""},
	} {
		t.Run(tc.key+" "+tc.new[:min(len(tc.new), 30)], func(t *testing.T) {
			fsys := exampleFS(t, [3]string{tc.file, tc.old, tc.new})
			_, err := Load(fsys, example)
			fe, ok := errors.AsType[*fault.Error](err)
			if !ok || fe.Kind != fault.Invalid {
				t.Fatalf("not refused: %v", err)
			}
			i := slices.IndexFunc(fe.Places, func(p fault.Place) bool { return p.Key == "criteria.load."+tc.key })
			if i < 0 {
				t.Fatalf("found %v, want %s", err, tc.key)
			}
			p := fe.Places[i]
			wantFile := path.Join(example, tc.file)
			if tc.key == "file-extra" && tc.file == "edition.yaml" {
				wantFile = path.Join(example, "EX-B-3.yaml")
			}
			if p.File != wantFile || p.Line < 1 || p.Col < 1 {
				t.Errorf("place %v, want one in %s", p, wantFile)
			}
			if tc.at != "" {
				line, col := lineOf(t, fsys, tc.file, tc.at)
				if p.Line != line || p.Col != col {
					t.Errorf("at %d:%d, want %d:%d", p.Line, p.Col, line, col)
				}
			}
			for _, l := range i18n.Langs {
				sentence, places := l.Error(err)
				if strings.Contains(sentence+strings.Join(places, ""), "criteria.") || strings.ContainsAny(strings.Join(places, ""), "{") && !strings.Contains(tc.new, "{") {
					t.Errorf("%s: %s %v", l, sentence, places)
				}
			}
		})
	}
}

// All faults come at once.
func TestAllFaultsAtOnce(t *testing.T) {
	_, err := Load(exampleFS(t,
		[3]string{"EX-B-1.yaml", "en: document, status: official", "en: document, status: sure"},
		[3]string{"EX-B-2.yaml", "fact: tcp.open", "fact: tcp.opened"},
		[3]string{"EX-B-3.yaml", "why: {ja: 例です。, en: An example.}", "why: {en: An example.}"},
		[3]string{"edition.yaml", "hoshi-edition/1", "hoshi-edition/9"}), example)
	fe, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatal(err)
	}
	files := map[string]bool{}
	for _, p := range fe.Places {
		files[path.Base(p.File)] = true
	}
	if len(files) != 4 {
		t.Errorf("faults in %v", files)
	}
}

// The version of the rule engine that editions may pin is the one that is linked.
func TestEngineVersion(t *testing.T) {
	b, err := os.ReadFile("../../go.mod")
	if err != nil || !strings.Contains(string(b), "cel.dev/cel-go "+CELVersion) {
		t.Errorf("go.mod does not have cel.dev/cel-go %s (%v)", CELVersion, err)
	}
	for _, tc := range []struct {
		want, have string
		ok         bool
	}{{"v0.33.2", "v0.33.9", true}, {"v0.33.2", "v0.34.0", false}, {"v1.2.0", "v1.9.1", true}, {"v1.2.0", "v2.0.0", false}, {"x", "v1.0.0", false}} {
		if compatible(tc.want, tc.have) != tc.ok {
			t.Errorf("compatible(%s, %s) is not %v", tc.want, tc.have, tc.ok)
		}
	}
}

// The facts that a fail rule only looks for may be missing; all others may not.
func TestFactsRead(t *testing.T) {
	e := load(t, "star1/2024r1-reconstructed")
	for id, want := range map[string]string{
		"R-02-2": "declared.port:false host.mixed:true signin.default:false signin.interface:false",
		"R-13-1": "declared.port:true host.mixed:true tcp.open:false udp.open:false",
		"R-13-4": "declared.port:true tcp.open:true udp.coverage:true udp.open:true",
		"R-12-2": "declared.path:false tls.version:false",
	} {
		c := "S1.1-" + id[2:4]
		for _, r := range e.rules[c].rules {
			if r.ID != id {
				continue
			}
			var got []string
			for _, f := range r.reads {
				got = append(got, fmt.Sprintf("%s:%v", f, r.strict[f]))
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("%s: %s, want %s", id, s, want)
			}
		}
	}
}

// Whatever the bytes, the loader answers with an edition that reads back or with
// an invalid-input fault that has a place.
func FuzzParse(f *testing.F) {
	f.Add(load(f, example).Source())
	b, err := fs.ReadFile(root, example+"/edition.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("a: [\n"))
	f.Add([]byte("- {a: &x 1, b: *x}"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Parse("fuzz.yaml", b)
		if err != nil {
			fe, ok := errors.AsType[*fault.Error](err)
			if !ok || fe.Kind != fault.Invalid || len(fe.Places) == 0 {
				t.Fatalf("not a fault with places: %v", err)
			}
			return
		}
		e.Judge(good())
		if _, err := Parse("again", e.Source()); err != nil {
			t.Fatal(err)
		}
	})
}
