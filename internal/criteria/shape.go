package criteria

import (
	"fmt"
	"strings"
	"unicode"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"hoshi/internal/fact"
)

// shape is the type of a fact's value, read from the vocabulary: "bool", "int",
// "string", "[string]", `"a"|"b"` or "{name: shape, …}".
type shape struct {
	kind   string // bool, int, string, list, record
	enum   []string
	elem   *shape
	names  []string // fields of a record in the vocabulary's order
	fields map[string]*shape
}

// parseShape reads a shape; the vocabulary is ours, so a fault panics at start.
func parseShape(s string) *shape {
	p := &shapeParser{s: s}
	sh := p.shape()
	if p.skip(); p.s != "" {
		panic("criteria: shape: rest " + p.s)
	}
	return sh
}

type shapeParser struct{ s string }

func (p *shapeParser) skip() { p.s = strings.TrimLeftFunc(p.s, unicode.IsSpace) }

func (p *shapeParser) eat(tok string) bool {
	p.skip()
	if !strings.HasPrefix(p.s, tok) {
		return false
	}
	p.s = p.s[len(tok):]
	return true
}

func (p *shapeParser) until(stop func(rune) bool) string {
	p.skip()
	i := strings.IndexFunc(p.s, stop)
	if i < 0 {
		i = len(p.s)
	}
	w := p.s[:i]
	p.s = p.s[i:]
	return w
}

func (p *shapeParser) shape() *shape {
	switch {
	case p.eat("{"):
		r := &shape{kind: "record", fields: map[string]*shape{}}
		for !p.eat("}") {
			name := strings.TrimSpace(p.until(func(c rune) bool { return c == ':' }))
			if !p.eat(":") {
				panic("criteria: shape: no colon after " + name)
			}
			r.names = append(r.names, name)
			r.fields[name] = p.shape()
			p.eat(",")
		}
		return r
	case p.eat("["):
		l := &shape{kind: "list", elem: p.shape()}
		if !p.eat("]") {
			panic("criteria: shape: list is not closed")
		}
		return l
	case p.eat(`"`):
		e := &shape{kind: "string"}
		for {
			e.enum = append(e.enum, p.until(func(c rune) bool { return c == '"' }))
			p.eat(`"`)
			if !p.eat("|") || !p.eat(`"`) {
				return e
			}
		}
	}
	w := p.until(func(c rune) bool { return !unicode.IsLetter(c) })
	if w != "bool" && w != "int" && w != "string" {
		panic("criteria: shape: unknown type " + w)
	}
	return &shape{kind: w}
}

// misfit returns the path of the first part of v that does not have the shape,
// and false when all of it fits. Fields that the shape does not name are free.
func (s *shape) misfit(v any, at string) (string, bool) {
	switch s.kind {
	case "bool":
		_, ok := v.(bool)
		return at, !ok
	case "int":
		_, ok := v.(int64)
		return at, !ok
	case "string":
		_, ok := v.(string)
		return at, !ok
	case "list":
		l, ok := v.([]any)
		if !ok {
			return at, true
		}
		for i, e := range l {
			if p, bad := s.elem.misfit(e, fmt.Sprintf("%s[%d]", at, i)); bad {
				return p, true
			}
		}
		return "", false
	}
	m, ok := v.(map[string]any)
	if !ok {
		return at, true
	}
	for _, n := range s.names {
		if p, bad := s.fields[n].misfit(m[n], at+"."+n); bad {
			return p, true
		}
	}
	return "", false
}

// word is a vocabulary entry ready for rules.
type word struct {
	name   string
	device bool // one fact about the device as a whole
	shape  *shape
	typ    *types.Type // of the variable: the value (device) or a list of {subject, value}
	item   *types.Type // of "it": {subject, value}
}

// words is the vocabulary by name; structs are the record types by type name.
var words, structs = func() (map[string]*word, map[string]map[string]*types.Type) {
	ws, ss := map[string]*word{}, map[string]map[string]*types.Type{}
	var celType func(name string, s *shape) *types.Type
	celType = func(name string, s *shape) *types.Type {
		switch s.kind {
		case "bool":
			return types.BoolType
		case "int":
			return types.IntType
		case "string":
			return types.StringType
		case "list":
			return types.NewListType(celType(name+".item", s.elem))
		}
		fs := map[string]*types.Type{}
		for n, f := range s.fields {
			fs[n] = celType(name+"."+n, f)
		}
		ss[name] = fs
		return types.NewObjectType(name)
	}
	for _, e := range fact.Vocabulary {
		w := &word{name: e.Name, device: e.Subject == "", shape: parseShape(e.Shape)}
		name := "fact." + e.Name
		ss[name] = map[string]*types.Type{"subject": types.StringType, "value": celType(name+".value", w.shape)}
		w.item = types.NewObjectType(name)
		w.typ = types.NewListType(w.item)
		if w.device {
			w.typ = ss[name]["value"]
		}
		ws[e.Name] = w
	}
	return ws, ss
}()

// enumOf returns the closed list of strings of a field, or nil.
func enumOf(structName, fieldName string) []string {
	rest, ok := strings.CutPrefix(structName, "fact.")
	if !ok {
		return nil
	}
	name, path, ok := strings.Cut(rest, ".value")
	w := words[name]
	if !ok || w == nil || path != "" || w.shape.kind != "record" || w.shape.fields[fieldName] == nil {
		return nil
	}
	return w.shape.fields[fieldName].enum
}

// provider tells CEL the record types, so that a misspelled field is found when
// the edition is loaded and not when a device is judged.
type provider struct{ *types.Registry }

func (p provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := structs[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Registry.FindStructType(name)
}

func (p provider) FindStructFieldNames(name string) ([]string, bool) {
	if fs, ok := structs[name]; ok {
		return sortedKeys(fs), true
	}
	return p.Registry.FindStructFieldNames(name)
}

func (p provider) FindStructFieldType(name, fieldName string) (*types.FieldType, bool) {
	fs, ok := structs[name]
	if !ok {
		return p.Registry.FindStructFieldType(name, fieldName)
	}
	t, ok := fs[fieldName]
	if !ok {
		return nil, false
	}
	return &types.FieldType{
		Type: t,
		IsSet: func(v any) bool {
			m, ok := v.(map[string]any)
			return ok && m[fieldName] != nil
		},
		GetFrom: func(v any) (any, error) {
			m, ok := v.(map[string]any)
			if !ok || m[fieldName] == nil {
				return nil, fmt.Errorf("no field %s in %s", fieldName, name)
			}
			return m[fieldName], nil
		},
	}, true
}

func (p provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := structs[name]; ok {
		return types.NewErr("a fact cannot be made by a rule: %s", name)
	}
	return p.Registry.NewValue(name, fields)
}
