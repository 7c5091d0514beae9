package criteria

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// MaxFile is the largest file of an edition, in bytes.
const MaxFile = 1 << 20

// spot is where a value stands in its file.
type spot struct {
	file      string
	line, col int
	field     string // path within the file: "rules[1].fail_if"
	inline    bool   // the text begins on this line (no block scalar)
	quoted    bool
}

// decoder fills Go values from YAML strictly and collects every fault.
type decoder struct {
	places []fault.Place
	at     map[string]spot // by data path within the edition: "criteria[3].rules[1].fail_if"
}

func newDecoder() *decoder { return &decoder{at: map[string]spot{}} }

// refuse records a fault at a data path; when the path itself has no place (a
// missing key), the nearest one around it is named.
func (d *decoder) refuse(path, key string, args ...any) {
	s, ok := d.at[path]
	for up := path; !ok && up != ""; {
		up = up[:max(strings.LastIndexAny(up, ".["), 0)]
		if s, ok = d.at[up]; ok && s.field == "" {
			s.field = strings.TrimPrefix(strings.TrimPrefix(path, up), ".")
		} else if ok {
			s.field += strings.TrimPrefix(path, up)
		}
	}
	if !ok {
		s = d.at[""]
	}
	d.add(s, key, args...)
}

func (d *decoder) add(s spot, key string, args ...any) {
	d.places = append(d.places, fault.Place{File: s.file, Line: s.line, Col: s.col, Field: s.field, Key: "criteria.load." + key, Args: fault.Pairs(args...)})
}

// err returns all faults at once, or nil.
func (d *decoder) err(op string) error {
	if len(d.places) == 0 {
		return nil
	}
	slices.SortStableFunc(d.places, func(a, b fault.Place) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	e := fault.New(fault.Invalid, op, "criteria.load.faulty", "n", len(d.places))
	e.Places = d.places
	return e
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// file reads one YAML document into out (a pointer to a struct). Data paths
// begin with prefix.
func (d *decoder) file(name string, b []byte, prefix string, out any) bool {
	top := spot{file: name, line: 1, col: 1}
	d.at[prefix] = top
	if len(b) > MaxFile {
		d.add(top, "too-large", "max", MaxFile)
		return false
	}
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if m := yamlLine.FindStringSubmatch(strings.SplitN(err.Error(), "\n", 2)[0]); m != nil {
			if n, _ := strconv.Atoi(m[1]); n > 0 {
				top.line = n
			}
			d.add(top, "syntax", "why", m[2])
		} else {
			d.add(top, "syntax", "why", err.Error())
		}
		return false
	}
	var more yaml.Node
	if dec.Decode(&more) == nil {
		d.add(spot{file: name, line: max(more.Line, 1), col: max(more.Column, 1)}, "second-document")
	}
	n := len(d.places)
	d.value(name, doc.Content[0], prefix, prefix, reflect.ValueOf(out).Elem())
	return len(d.places) == n
}

var statusType = reflect.TypeFor[Status]()

func (d *decoder) value(file string, n *yaml.Node, path, root string, out reflect.Value) {
	d.at[path] = spot{file: file, line: n.Line, col: n.Column, field: strings.TrimPrefix(strings.TrimPrefix(path, root), "."),
		inline: n.Kind == yaml.ScalarNode && n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0,
		quoted: n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0}
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.refuse(path, "alias")
		return
	}
	switch out.Kind() {
	case reflect.Pointer:
		out.Set(reflect.New(out.Type().Elem()))
		d.value(file, n, path, root, out.Elem())
	case reflect.Struct:
		if n.Kind != yaml.MappingNode {
			d.refuse(path, "kind-map")
			return
		}
		d.fields(file, n, path, root, out)
	case reflect.Map: // only map[string]string
		if n.Kind != yaml.MappingNode {
			d.refuse(path, "kind-map")
			return
		}
		out.Set(reflect.MakeMap(out.Type()))
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i].Value
			v := reflect.New(out.Type().Elem()).Elem()
			d.value(file, n.Content[i+1], path+"."+k, root, v)
			if out.MapIndex(reflect.ValueOf(k)).IsValid() {
				d.refuse(path+"."+k, "duplicate-key", "key", k)
			}
			out.SetMapIndex(reflect.ValueOf(k), v)
		}
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			d.refuse(path, "kind-list")
			return
		}
		out.Set(reflect.MakeSlice(out.Type(), len(n.Content), len(n.Content)))
		for i, c := range n.Content {
			d.value(file, c, fmt.Sprintf("%s[%d]", path, i), root, out.Index(i))
		}
	case reflect.String:
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			d.refuse(path, "kind-text")
			return
		}
		s := strings.TrimSpace(n.Value)
		if s == "" {
			d.refuse(path, "empty")
		}
		out.SetString(s)
		if out.Type() == statusType && !slices.Contains(Statuses, Status(s)) {
			d.refuse(path, "unknown-status", "status", s, "known", join(Statuses))
		}
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || err != nil {
			d.refuse(path, "kind-number")
			return
		}
		out.SetInt(i)
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || (n.Value != "true" && n.Value != "false") {
			d.refuse(path, "kind-bool")
			return
		}
		out.SetBool(n.Value == "true")
	default:
		panic("criteria: a type that the decoder does not know: " + out.Type().String())
	}
}

// fields reads a mapping into a struct: unknown, double and missing keys are faults.
func (d *decoder) fields(file string, n *yaml.Node, path, root string, out reflect.Value) {
	want := fieldsOf(out.Type(), nil)
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		at := strings.TrimPrefix(path+"."+k.Value, ".")
		f, ok := want[k.Value]
		switch {
		case !ok:
			d.add(spot{file: file, line: k.Line, col: k.Column, field: strings.TrimPrefix(strings.TrimPrefix(at, root), ".")}, "unknown-key", "key", k.Value)
		case seen[k.Value]:
			d.add(spot{file: file, line: k.Line, col: k.Column, field: strings.TrimPrefix(strings.TrimPrefix(at, root), ".")}, "duplicate-key", "key", k.Value)
		default:
			d.value(file, v, at, root, out.FieldByIndex(f.index))
		}
		seen[k.Value] = true
	}
	_, ja := want["ja"]
	_, en := want["en"]
	for _, name := range sortedKeys(want) {
		if seen[name] || want[name].optional {
			continue
		}
		if ja && en && (name == "ja" || name == "en") {
			d.refuse(path, "missing-language", "lang", i18n.Key("criteria.lang."+name))
		} else {
			d.refuse(path, "missing-key", "key", name)
		}
	}
}

type field struct {
	index    []int
	optional bool
}

// fieldsOf lists the keys of a struct, those of embedded structs included.
func fieldsOf(t reflect.Type, index []int) map[string]field {
	out := map[string]field{}
	for i := range t.NumField() {
		f := t.Field(i)
		ix := append(slices.Clone(index), i)
		if f.Anonymous {
			for k, v := range fieldsOf(f.Type, ix) {
				out[k] = v
			}
			continue
		}
		if !f.IsExported() {
			continue
		}
		name, opt, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		out[name] = field{ix, opt == "omitempty"}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	ks := make([]string, 0, len(m))
	for k := range m {
		ks = append(ks, k)
	}
	slices.Sort(ks)
	return ks
}

func join[S ~string](ss []S) string {
	out := make([]string, len(ss))
	for i, s := range ss {
		out[i] = string(s)
	}
	return strings.Join(out, ", ")
}
