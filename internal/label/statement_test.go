package label_test

import (
	"bytes"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
	"hoshi/internal/label"
	"hoshi/internal/ledger"
	"hoshi/internal/ledger/ledgertest/labeltest"
)

var update = flag.Bool("update", false, "write golden files anew")

const site = "https://star.example.test"

func verify(t testing.TB, s *labeltest.Sample, at time.Time, statement, proof, list []byte) (ledger.Report, error) {
	t.Helper()
	_, r, err := label.Verify(label.VerifyInput{Keys: s.Manifest, Statement: statement, Proof: proof, StatusList: list, Now: at})
	return r, err
}

func keysOf(r ledger.Report, m ledger.Mark) []string {
	var out []string
	for _, l := range r.Lines {
		if l.Mark == m {
			out = append(out, l.Key)
		}
	}
	return out
}

// What is proven and what is not, for each set of documents and each time.
func TestVerify(t *testing.T) {
	s := labeltest.New(t, site)
	day := 24 * time.Hour
	proved := []string{"verify.fields", "verify.authentic", "verify.witnessed", "verify.included"}
	dates := []string{"verify.granted", "verify.within"}
	always := []string{"verify.not.newest", "verify.not.secure"}
	for _, c := range []struct {
		name        string
		at          time.Time
		proof, list []byte
		holds       bool
		proved      []string
		not         []string
		refuted     []string
	}{
		{"everything", s.Granted.Add(2 * time.Hour), s.Proof, s.Fresh, true, slices.Concat(proved, dates, []string{"verify.status"}),
			append([]string{"verify.fields.private", "verify.not.since"}, always...), nil},
		{"no status list", s.Granted.Add(2 * time.Hour), s.Proof, nil, false, slices.Concat(proved, dates),
			append([]string{"verify.fields.private", "verify.not.revocation"}, always...), nil},
		{"stale status list", s.Granted.Add(3 * day), s.Proof, s.Fresh, false, slices.Concat(proved, dates, []string{"verify.status"}),
			append([]string{"verify.fields.private", "verify.not.stale"}, always...), nil},
		{"asked about before the list", s.Granted, s.Proof, s.Fresh, false, slices.Concat(proved, dates, []string{"verify.status"}),
			append([]string{"verify.fields.private", "verify.not.later"}, always...), nil},
		{"revoked", s.Granted.Add(2*day + time.Hour), s.Proof, s.Revoked, false, slices.Concat(proved, dates),
			append([]string{"verify.fields.private"}, always...), []string{"verify.status.no"}},
		{"no proof", s.Granted.Add(2 * time.Hour), nil, s.Fresh, false, []string{"verify.fields"},
			append([]string{"verify.fields.private", "verify.not.included", "verify.granted", "verify.within", "verify.status", "verify.not.since"}, always...), nil},
		{"last second of the last day", time.Date(2028, 11, 22, 14, 59, 59, 0, time.UTC), s.Proof, nil, false, slices.Concat(proved, dates),
			append([]string{"verify.fields.private", "verify.not.revocation"}, always...), nil},
		{"first second after it", time.Date(2028, 11, 22, 15, 0, 0, 0, time.UTC), s.Proof, nil, false, append(slices.Clone(proved), "verify.granted"),
			append([]string{"verify.fields.private", "verify.not.revocation"}, always...), []string{"verify.expired"}},
		{"the day before", time.Date(2026, 11, 22, 14, 59, 59, 0, time.UTC), s.Proof, nil, false, append(slices.Clone(proved), "verify.granted"),
			append([]string{"verify.fields.private", "verify.not.revocation"}, always...), []string{"verify.early"}},
	} {
		r, err := verify(t, s, c.at, s.Statement, c.proof, c.list)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		for _, line := range r.Lines {
			for _, l := range i18n.Langs {
				if said := l.Format(line.Key, line.Args); strings.ContainsAny(said, "{}[]") {
					t.Errorf("%s: in %s the report says %q", c.name, l, said)
				}
			}
		}
		if r.Holds != c.holds {
			t.Errorf("%s: Holds = %v", c.name, r.Holds)
		}
		for m, want := range map[ledger.Mark][]string{ledger.Proved: c.proved, ledger.NotProved: c.not, ledger.Refuted: c.refuted} {
			if d := cmp.Diff(want, keysOf(r, m)); d != "" {
				t.Errorf("%s: %s (-want +got):\n%s", c.name, m, d)
			}
		}
	}
}

// One byte changed anywhere in any document, in two ways, and the label is never
// said to hold: each is refused as unreadable or refuted.
func TestEveryByteMatters(t *testing.T) {
	s := labeltest.New(t, site)
	at := s.Granted.Add(2 * time.Hour)
	if r, err := verify(t, s, at, s.Statement, s.Proof, s.Fresh); err != nil || !r.Holds {
		t.Fatalf("the sample itself: %+v, %v", r, err)
	}
	for name, doc := range map[string][]byte{"statement": s.Statement, "proof": s.Proof, "status": s.Fresh} {
		for i := range doc {
			for _, bit := range []byte{0x01, 0x20} {
				b := bytes.Clone(doc)
				b[i] ^= bit
				in := map[string][]byte{"statement": s.Statement, "proof": s.Proof, "status": s.Fresh}
				in[name] = b
				r, err := verify(t, s, at, in["statement"], in["proof"], in["status"])
				if err != nil && !fault.Is(err, fault.Invalid) {
					t.Fatalf("%s byte %d: %v is not an invalid input", name, i, err)
				}
				if err == nil && (r.Holds || !r.Refuted()) {
					t.Fatalf("%s byte %d (%q → %q): holds=%v, nothing refuted", name, i, doc[i], b[i], r.Holds)
				}
			}
		}
		for _, n := range []int{0, 1, len(doc) / 3, len(doc) / 2, len(doc) - 1} {
			in := map[string][]byte{"statement": s.Statement, "proof": s.Proof, "status": s.Fresh}
			in[name] = doc[:n:n]
			if r, err := verify(t, s, at, in["statement"], in["proof"], in["status"]); err == nil && !r.Refuted() {
				t.Errorf("%s cut to %d bytes is accepted", name, n)
			}
		}
	}
}

// A statement changed by somebody who writes correct JSON is refuted by name.
func TestForgedStatement(t *testing.T) {
	s := labeltest.New(t, site)
	for name, c := range map[string]struct {
		change func(*label.Statement)
		key    string
	}{
		"name":             {func(x *label.Statement) { x.Product.Name = "Better" }, "verify.field.altered"},
		"a model more":     {func(x *label.Statement) { x.Product.Models = append(x.Product.Models, "MC-200") }, "verify.field.altered"},
		"a result":         {func(x *label.Statement) { x.Label.Results[1].Result = "conforms" }, "verify.field.altered"},
		"notes":            {func(x *label.Statement) { x.Notes = "certified secure" }, "verify.field.altered"},
		"no salt for it":   {func(x *label.Statement) { x.Product.Manufacturer = "Somebody Else" }, ""},
		"last day":         {func(x *label.Statement) { x.Label.Expires = "2030-01-01" }, "verify.field.leaf"},
		"last day in leaf": {func(x *label.Statement) { x.Label.Expires, x.Leaf.Expires = "2030-01-01", "2030-01-01" }, "verify.included.no"},
		"level":            {func(x *label.Statement) { x.Label.Level = "star4" }, "verify.field.leaf"},
		"serial":           {func(x *label.Statement) { x.Status.Serial = 0 }, "verify.field.leaf"},
		"list elsewhere":   {func(x *label.Statement) { x.Status.List = "https://evil.example/s" }, "verify.field.altered"},
		"manufacturer": {func(x *label.Statement) {
			x.Product.Manufacturer, x.Salts["product.manufacturer"] = "X", ledger.Salt{}.String()
		}, "verify.field.altered"},
		"field dropped": {func(x *label.Statement) {
			x.Leaf.Commitments["extra"] = x.Leaf.Commitments["notes"]
		}, "verify.field.missing"},
	} {
		x, err := label.Decode(s.Statement)
		if err != nil {
			t.Fatal(err)
		}
		c.change(&x)
		b, err := ledger.Canonical(x)
		if err != nil {
			t.Fatal(err)
		}
		r, err := verify(t, s, s.Granted.Add(2*time.Hour), append(b, '\n'), s.Proof, s.Fresh)
		if c.key == "" {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v, want invalid", name, err)
			}
			continue
		}
		if err != nil || r.Holds || !slices.Contains(keysOf(r, ledger.Refuted), c.key) {
			t.Errorf("%s: holds=%v, refuted %v, %v; want %s", name, r.Holds, keysOf(r, ledger.Refuted), err, c.key)
		}
	}
}

// Documents of another log, another label, or fewer witnesses than asked.
func TestMixedDocuments(t *testing.T) {
	s := labeltest.New(t, site)
	at := s.Granted.Add(2 * time.Hour)
	i := bytes.LastIndex(s.Proof, []byte("— "))
	if r, err := verify(t, s, at, s.Statement, s.Proof[:i], s.Fresh); err != nil || r.Holds || !slices.Contains(keysOf(r, ledger.Refuted), "verify.witnessed.few") {
		t.Errorf("without its cosignature: %v, %v", keysOf(r, ledger.Refuted), err)
	}
	alone := *s
	alone.Manifest.Witnesses, alone.Manifest.Quorum = nil, 0
	if r, err := verify(t, &alone, at, s.Statement, s.Proof, s.Fresh); err != nil || !r.Holds || !slices.Contains(keysOf(r, ledger.NotProved), "verify.not.witnessed") {
		t.Errorf("keys that ask for no witness: %+v, %v", r, err)
	}
	other := *s
	other.Manifest.Scheme = "second"
	if r, err := verify(t, &other, at, s.Statement, s.Proof, nil); err != nil || !slices.Contains(keysOf(r, ledger.Refuted), "verify.scheme") {
		t.Errorf("another scheme's keys: %v, %v", keysOf(r, ledger.Refuted), err)
	}
}

// Everything of the statement is bound: by the leaf in clear, or by a commitment.
func TestNothingIsUnbound(t *testing.T) {
	inLeaf := []string{"Scheme.ID", "Label.ID", "Label.Registration", "Label.Level", "Label.Edition", "Label.Issued", "Label.Expires", "Status.Serial"}
	whole := labeltest.New(t, site).Whole
	base := whole.Leaf.Commitments
	var walk func(v reflect.Value, path string)
	found := 0
	walk = func(v reflect.Value, path string) {
		for i := range v.NumField() {
			name := strings.TrimPrefix(path+"."+v.Type().Field(i).Name, ".")
			f := v.Field(i)
			if name == "V" || name == "Leaf" || name == "Salts" || slices.Contains(inLeaf, name) {
				continue
			}
			if f.Kind() == reflect.Struct && f.Type() != reflect.TypeOf(whole.Scheme.Name) {
				walk(f, name)
				continue
			}
			found++
			changed := 0
			old := reflect.New(f.Type()).Elem()
			old.Set(f)
			switch f.Kind() {
			case reflect.String:
				f.SetString(f.String() + "x")
			case reflect.Slice:
				f.Set(reflect.Append(f, reflect.Zero(f.Type().Elem())))
			case reflect.Struct:
				f.Field(0).SetString("x")
			default:
				t.Fatalf("%s is a %s", name, f.Kind())
			}
			now, err := label.Commitments(whole)
			if err != nil {
				t.Fatal(err)
			}
			for field, c := range now {
				if c != base[field] {
					changed++
				}
			}
			if changed != 1 {
				t.Errorf("changing %s changes %d commitments, want one", name, changed)
			}
			f.Set(old)
		}
	}
	walk(reflect.ValueOf(&whole).Elem(), "")
	if found != len(base) {
		t.Errorf("%d fields, %d commitments", found, len(base))
	}
}

// The private fields are in no byte of what is published.
func TestPrivateStaysPrivate(t *testing.T) {
	s := labeltest.New(t, site)
	for _, secret := range []string{"秘密製造", "日本\"", s.Whole.Salts["product.manufacturer"], s.Whole.Salts["product.country"]} {
		for name, doc := range map[string][]byte{"statement": s.Statement, "proof": s.Proof} {
			if bytes.Contains(doc, []byte(secret)) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
	}
	shown, err := s.Whole.Public(false, true).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if r, err := verify(t, s, s.Granted.Add(2*time.Hour), shown, s.Proof, s.Fresh); err != nil || !r.Holds {
		t.Errorf("with the manufacturer shown: %v, %v", keysOf(r, ledger.Refuted), err)
	}
}

func TestStatementNeedsItsFields(t *testing.T) {
	s := labeltest.New(t, site)
	x := s.Whole
	x.Product.Models, x.Label.EvaluatorClass, x.Label.Expires = nil, "", "2029-01-01"
	_, err := x.Encode()
	f, ok := err.(*fault.Error)
	if !ok || len(f.Places) != 3 {
		t.Fatalf("Encode = %v, want three places", err)
	}
}

func TestStatementGolden(t *testing.T) {
	s := labeltest.New(t, site)
	golden(t, "statement.json", s.Statement)
	golden(t, "label.proof", s.Proof)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s changed (-want +got); run with -update if that is meant:\n%s", name, d)
	}
}

func FuzzDecode(f *testing.F) {
	s := labeltest.New(f, site)
	f.Add(s.Statement)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, r, err := label.Verify(label.VerifyInput{Keys: s.Manifest, Statement: b, Proof: s.Proof, StatusList: s.Fresh, Now: s.Granted.Add(time.Hour)})
		if err == nil && r.Holds && !bytes.Equal(b, s.Statement) {
			// Only the vendor's own choice of private fields makes another true file.
			whole, werr := s.Whole.Public(false, false).Encode()
			if werr != nil || !bytes.Equal(b, whole) {
				t.Errorf("a statement that was never made holds: %q", b)
			}
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := labeltest.New(b, site)
	at := s.Granted.Add(2 * time.Hour)
	for b.Loop() {
		if r, err := verify(b, s, at, s.Statement, s.Proof, s.Fresh); err != nil || !r.Holds {
			b.Fatal(r, err)
		}
	}
}
