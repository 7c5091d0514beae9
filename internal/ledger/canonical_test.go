package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hoshi/internal/ledger"
)

// byTree is the canonical form by its definition: decode to a tree, write the
// tree with sorted keys.
func byTree(raw []byte) (string, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return "", err
	}
	var b strings.Builder
	err := writeTree(&b, tree, 0)
	return b.String(), err
}

func writeTree(b *strings.Builder, v any, depth int) error {
	if depth > 32 {
		return errors.New("deep")
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		if err != nil {
			return err
		}
		b.WriteString(strconv.FormatInt(n, 10))
	case string:
		writeText(b, v)
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeTree(b, e, depth+1); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case map[string]any:
		var keys []string
		for k := range v {
			if strings.ContainsFunc(k, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
				return errors.New("key")
			}
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				b.WriteByte(',')
			}
			writeText(b, k)
			b.WriteByte(':')
			if err := writeTree(b, v[k], depth+1); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	}
	return nil
}

// writeText escapes what RFC 8785 escapes, and nothing else.
func writeText(b *strings.Builder, s string) {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case short[r] != "":
			b.WriteString(short[r])
		case r < 0x20:
			b.WriteString(`\u00` + string("0123456789abcdef"[r>>4]) + string("0123456789abcdef"[r&15]))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

var spellings = []string{
	`{}`, `[]`, `""`, `null`, `true`, `-0`, `0`, `9223372036854775807`, `9223372036854775808`, `1.0`, `1e2`,
	`{"b":1,"a":2}`, `{"a":1,"a":2}`, `{"b":[{"z":null,"y":[false,true]},"x"],"a":{"d":{},"c":[]}}`,
	`{"a b":1,"a":2,"a\"":3,"a\\":4,"\u0061":5}`, `{"é":1}`, `{"a":"\u2028\u007f\u0001\/ \ud83d\ude00"}`, `"\ud800"`, "\"\xff\"",
	` { "a" : [ 1 , 2 ] } `, `"<>&"`, `["\"","\\","]","}",","]`, `{"b":{"b":2,"a":1},"a":{"b":2,"a":1},"aa":0}`,
	strings.Repeat("[", 33) + strings.Repeat("]", 33), strings.Repeat("[", 34) + strings.Repeat("]", 34), strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33),
}

func compareForms(t *testing.T, raw []byte) {
	t.Helper()
	if !json.Valid(raw) {
		return
	}
	want, werr := byTree(raw)
	got, err := ledger.Canonical(json.RawMessage(raw))
	if (err != nil) != (werr != nil) || err == nil && string(got) != want {
		t.Errorf("%q: %q, %v; want %q, %v", raw, got, err, want, werr)
	}
}

func TestCanonicalIsTheDefinition(t *testing.T) {
	for _, s := range spellings {
		if !json.Valid([]byte(s)) {
			t.Errorf("%q is no example", s)
		}
		compareForms(t, []byte(s))
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range spellings {
		f.Add([]byte(s))
	}
	f.Fuzz(compareForms)
}
