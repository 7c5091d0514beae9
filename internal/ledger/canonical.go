package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of canonical JSON.
const maxDepth = 32

// Canonical renders v as the one JSON text that stands for it: keys sorted, no
// space, whole numbers only, no escape that is not needed (RFC 8785 restricted to
// integers). A fraction, an exponent, text that is not UTF-8, or a nesting deeper
// than 32 is an error.
func Canonical(v any) ([]byte, error) {
	var raw bytes.Buffer
	e := json.NewEncoder(&raw)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	c := canonical{in: bytes.TrimSuffix(raw.Bytes(), []byte("\n"))}
	return c.value(make([]byte, 0, len(c.in)), 0)
}

// DecodeCanonical reads b into v and accepts only the canonical text: an unknown
// or repeated key, a different order, an added space or a missing brace is an error.
func DecodeCanonical(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("text after the end of the JSON value")
	}
	again, err := Canonical(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("not in canonical form from byte %d on", firstDifference(again, b))
	}
	return nil
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// canonical rewrites JSON that encoding/json wrote: well-formed, without spaces.
type canonical struct {
	in []byte
	at int
}

var errBroken = errors.New("encoding/json wrote something else than JSON")

// value appends the next value in canonical form.
func (c *canonical) value(b []byte, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	if c.at >= len(c.in) {
		return nil, errBroken
	}
	switch c.in[c.at] {
	case '"':
		return c.text(b)
	case '[':
		return c.array(b, depth)
	case '{':
		return c.object(b, depth)
	case 'n', 't', 'f':
		word := c.until(",]}")
		return append(b, word...), nil
	}
	word := string(c.until(",]}"))
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("number %s is not a whole number of 64 bits", word)
	}
	return strconv.AppendInt(b, n, 10), nil
}

// until takes what lies before the first of the ends.
func (c *canonical) until(ends string) []byte {
	from := c.at
	for c.at < len(c.in) && strings.IndexByte(ends, c.in[c.at]) < 0 {
		c.at++
	}
	return c.in[from:c.at]
}

// take steps over the byte x, and reports whether it was there.
func (c *canonical) take(x byte) bool {
	if c.at >= len(c.in) || c.in[c.at] != x {
		return false
	}
	c.at++
	return true
}

// text appends a string: as it stands when nothing in it is escaped, which is
// then the canonical form; else decoded and written again.
func (c *canonical) text(b []byte) ([]byte, error) {
	from, plain := c.at, true
	for c.at++; ; c.at++ {
		if c.at >= len(c.in) {
			return nil, errBroken
		}
		switch c.in[c.at] {
		case '"':
			c.at++
			raw := c.in[from:c.at]
			if plain && utf8.Valid(raw) {
				return append(b, raw...), nil
			}
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return nil, err
			}
			return appendString(b, s)
		case '\\':
			plain = false
			c.at++
		}
	}
}

func (c *canonical) array(b []byte, depth int) ([]byte, error) {
	c.at++
	b = append(b, '[')
	if c.take(']') {
		return append(b, ']'), nil
	}
	for {
		var err error
		if b, err = c.value(b, depth+1); err != nil {
			return nil, err
		}
		if c.take(']') {
			return append(b, ']'), nil
		}
		if !c.take(',') {
			return nil, errBroken
		}
		b = append(b, ',')
	}
}

// member is where one "key":value lies in the output.
type member struct {
	key      string
	from, to int
}

// object appends the members as they come and puts them in order at the end. Of a
// key that comes twice the last counts.
func (c *canonical) object(b []byte, depth int) ([]byte, error) {
	c.at++
	b = append(b, '{')
	start := len(b)
	var members []member
	sorted := true
	for first := true; !c.take('}'); first = false {
		if !first {
			if !c.take(',') {
				return nil, errBroken
			}
			b = append(b, ',')
		}
		m := member{from: len(b)}
		var err error
		if b, err = c.text(b); err != nil {
			return nil, err
		}
		if m.key = string(b[m.from+1 : len(b)-1]); strings.Contains(m.key, `\`) {
			if err := json.Unmarshal(b[m.from:], &m.key); err != nil {
				return nil, err
			}
		}
		if !isASCII(m.key) {
			return nil, fmt.Errorf("key %q is not ASCII", m.key)
		}
		if !c.take(':') {
			return nil, errBroken
		}
		b = append(b, ':')
		if b, err = c.value(b, depth+1); err != nil {
			return nil, err
		}
		m.to = len(b)
		sorted = sorted && (len(members) == 0 || members[len(members)-1].key < m.key)
		members = append(members, m)
	}
	if !sorted {
		b = order(b, start, members)
	}
	return append(b, '}'), nil
}

// order sorts the members that lie in b from start on.
func order(b []byte, start int, members []member) []byte {
	was := bytes.Clone(b[start:])
	slices.SortStableFunc(members, func(x, y member) int { return strings.Compare(x.key, y.key) })
	b = b[:start]
	for i, m := range members {
		if i+1 < len(members) && members[i+1].key == m.key {
			continue
		}
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(b, was[m.from-start:m.to-start]...)
	}
	return b
}

// isASCII holds keys to ASCII, where byte order and RFC 8785's UTF-16 order agree.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

func appendString(b []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, errors.New("text is not UTF-8")
	}
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\t':
			b = append(b, `\t`...)
		case '\n':
			b = append(b, `\n`...)
		case '\f':
			b = append(b, `\f`...)
		case '\r':
			b = append(b, `\r`...)
		default:
			if c < 0x20 {
				b = fmt.Appendf(b, `\u%04x`, c)
			} else {
				b = append(b, c)
			}
		}
	}
	return append(b, '"'), nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
