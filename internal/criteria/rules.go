package criteria

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"hoshi/internal/i18n"
)

// CELVersion is the version of cel.dev/cel-go that computes the rules. An edition
// pins the version that it was written for; [compatible] says which are taken.
const CELVersion = "v0.33.2"

// compatible reports whether rules written for version want may be computed by
// version have: same major version, and below v1 the same minor version.
func compatible(want, have string) bool {
	w, h := strings.Split(want, "."), strings.Split(have, ".")
	if len(w) != 3 || len(h) != 3 || w[0] != h[0] {
		return false
	}
	return w[0] != "v0" || w[1] == h[1]
}

// compiled are the rules of one criterion, ready to run.
type compiled struct {
	needs []need
	rules []rule
	vars  map[string]any // thresholds, lists and policies
	asked i18n.Text
}

type need struct {
	Need
	word                     *word
	base                     int // index of the need that Count or Each refers to; -1 = none
	field                    string
	where, subject, complete cel.Program // nil = not given
}

type rule struct {
	Rule
	outcome Outcome
	prog    cel.Program
	reads   []string        // facts that the condition reads
	strict  map[string]bool // those of them whose absence could make the condition true
	show    map[string]cel.Program
}

// variable is the name of a fact in CEL.
func variable(factName string) string { return strings.ReplaceAll(factName, ".", "_") }

// constants are the edition's thresholds and lists as CEL variables.
func (e *Edition) constants() (map[string]any, []cel.EnvOption) {
	vals := map[string]any{}
	var opts []cel.EnvOption
	put := func(name string, v any, t *cel.Type) {
		if _, dup := vals[name]; !dup {
			vals[name] = v
			opts = append(opts, cel.Variable(name, t))
		}
	}
	for _, c := range e.Criteria {
		for _, t := range c.Thresholds {
			v, _ := t.Get()
			switch {
			case v.Int != nil:
				put(t.Name, *v.Int, cel.IntType)
			case v.List != nil:
				put(t.Name, v.List, cel.ListType(cel.StringType))
			}
		}
	}
	for _, l := range e.Lists {
		put(l.Name, l.Values, cel.ListType(cel.StringType))
	}
	for _, p := range e.Policies {
		for _, l := range p.Lists {
			put(l.Name, l.Values, cel.ListType(cel.StringType))
		}
		for _, n := range p.Numbers {
			put(n.Name, n.Value, cel.IntType)
		}
	}
	return vals, opts
}

// compiler compiles the CEL of one edition and records faults.
type compiler struct {
	d    *decoder
	e    *Edition
	env  *cel.Env
	vars map[string]any
	lost bool // a need of the present criterion names no known fact; said once is enough
}

func newCompiler(d *decoder, e *Edition) *compiler {
	vals, opts := e.constants()
	p := provider{types.NewEmptyRegistry()}
	if full, err := types.NewRegistry(); err == nil {
		p.Registry = full
	}
	opts = append([]cel.EnvOption{
		cel.CustomTypeProvider(p), cel.CustomTypeAdapter(p.Registry),
		cel.ParserExpressionSizeLimit(4096), cel.ParserRecursionLimit(64),
	}, opts...)
	for name, w := range words {
		opts = append(opts, cel.Variable(variable(name), w.typ))
	}
	env, err := cel.NewEnv(opts...)
	if err != nil { // names were checked before: a defect, not a fault of the file
		panic("criteria: " + err.Error())
	}
	return &compiler{d: d, e: e, env: env, vars: vals}
}

// expr compiles one expression of a wanted type; ok is false when it was refused.
func (c *compiler) expr(env *cel.Env, path, src string, want ...*cel.Type) (cel.Program, *celast.AST, bool) {
	ast, iss := env.Compile(src)
	if iss != nil && iss.Err() != nil {
		for _, e := range iss.Errors() {
			s := c.d.at[path]
			switch {
			case !s.inline: // a block scalar begins on the next line
				s.line += e.Location.Line()
			case e.Location.Line() == 1:
				s.col += e.Location.Column()
				if s.quoted {
					s.col++
				}
			}
			c.d.add(s, "bad-cel", "why", e.Message)
		}
		return nil, nil, false
	}
	if !slices.ContainsFunc(want, func(t *cel.Type) bool { return t.IsExactType(ast.OutputType()) }) {
		names := make([]string, len(want))
		for i, t := range want {
			names[i] = t.String()
		}
		c.d.refuse(path, "cel-type", "want", strings.Join(names, ", "), "have", ast.OutputType().String())
		return nil, nil, false
	}
	native := ast.NativeRep()
	ok := c.lint(path, native)
	prog, err := env.Program(ast, cel.CostLimit(uint64(max(c.e.Engine.Cost, 1))))
	if err != nil {
		c.d.refuse(path, "bad-cel", "why", err.Error())
		return nil, nil, false
	}
	return prog, native, ok
}

// criterion compiles the needs and rules of the i-th criterion.
func (c *compiler) criterion(path string, cr Criterion) *compiled {
	out := &compiled{vars: c.vars, asked: cr.Asked}
	c.lost = false
	index := map[string]int{}
	for i, n := range cr.Needs {
		at := path + ".needs[" + itoa(i) + "]"
		cn, ok := c.need(at, n, index)
		c.lost = c.lost || cn.word == nil
		if ok || cn.word != nil { // a faulty need is kept, so that its users are not refused too
			index[n.Fact] = len(out.needs)
			out.needs = append(out.needs, cn)
		}
	}
	conditions := map[string]string{}
	decides := false
	for i, r := range cr.Rules {
		at := path + ".rules[" + itoa(i) + "]"
		outcome, src := r.Condition()
		if src == "" {
			if r.Seen != nil || r.Now != nil || len(r.Show) > 0 {
				c.d.refuse(at, "reason-without-condition")
			}
			continue
		}
		decides = true
		at2 := at + "." + map[Outcome]string{NotApplicable: "na_if", DoesNotConform: "fail_if", Conforms: "pass_if", PersonDecides: "person_if", Undecided: "undecided_if"}[outcome]
		for _, t := range []struct {
			key  string
			text *i18n.Text
		}{{"seen", r.Seen}, {"now", r.Now}} {
			if t.text == nil {
				c.d.refuse(at, "missing-key", "key", t.key)
			} else {
				c.names(at+"."+t.key, *t.text, r.Show)
			}
		}
		if other, dup := conditions[src]; dup {
			c.d.refuse(at2, "rule-same", "other", other)
		}
		conditions[src] = r.ID
		prog, ast, ok := c.expr(c.env, at2, src, cel.BoolType)
		if !ok {
			continue
		}
		cr := rule{Rule: r, outcome: outcome, prog: prog, show: map[string]cel.Program{}}
		cr.reads, cr.strict = factsRead(ast)
		if len(cr.reads) == 0 && !(outcome == PersonDecides && src == "true") {
			c.d.refuse(at2, "rule-constant")
		}
		c.needed(at2, cr.reads, index)
		for _, f := range cr.reads {
			if i, ok := index[f]; ok && out.needs[i].Seek && (outcome != DoesNotConform || cr.strict[f]) {
				c.d.refuse(at2, "need-seek", "fact", f)
			}
		}
		for _, name := range sortedKeys(r.Show) {
			p := at + ".show." + name
			prog, ast, ok := c.expr(c.env, p, r.Show[name], cel.ListType(cel.StringType), cel.ListType(cel.ListType(cel.StringType)), cel.StringType, cel.IntType)
			if !ok {
				continue
			}
			reads, _ := factsRead(ast)
			c.needed(p, reads, index)
			cr.show[name] = prog
		}
		out.rules = append(out.rules, cr)
	}
	if !decides {
		c.d.refuse(path+".rules", "no-decision")
	}
	return out
}

// needed refuses a rule that reads a fact whose absence nobody would notice.
func (c *compiler) needed(path string, reads []string, index map[string]int) {
	for _, f := range reads {
		if _, ok := index[f]; !ok && !c.lost {
			c.d.refuse(path, "rule-needs", "fact", f)
		}
	}
}

// names refuses a text that names what show does not define.
func (c *compiler) names(at string, t i18n.Text, show map[string]string) {
	for _, s := range []string{t.JA, t.EN} {
		for _, name := range placeholders(s) {
			if _, ok := show[name]; !ok {
				c.d.refuse(at, "reason-name", "name", name)
			}
		}
	}
}

func (c *compiler) need(at string, n Need, index map[string]int) (need, bool) {
	out := need{Need: n, base: -1, word: words[n.Fact]}
	ok := true
	no := func(path, key string, args ...any) { c.d.refuse(path, key, args...); ok = false }
	if out.word == nil {
		no(at+".fact", "unknown-fact", "fact", n.Fact)
		return out, false
	}
	if _, dup := index[n.Fact]; dup {
		no(at+".fact", "duplicate", "id", n.Fact)
	}
	base := ""
	switch {
	case n.Count != "" && n.Each != "", (out.word.device || n.Seek) && (n.Count != "" || n.Each != ""), n.Seek && (out.word.device || n.Complete != ""):
		no(at, "need-form-many", "fact", n.Fact)
	case !out.word.device && n.Count == "" && n.Each == "" && !n.Seek:
		no(at, "need-form", "fact", n.Fact)
	case n.Count != "":
		i := strings.LastIndex(n.Count, ".")
		base, out.field = n.Count[:max(i, 0)], n.Count[i+1:]
		if w := words[base]; w != nil && (!w.device || w.shape.kind != "record" || w.shape.fields[out.field] == nil || w.shape.fields[out.field].kind != "int") {
			no(at+".count", "need-count", "field", n.Count)
		}
	case n.Each != "":
		base = n.Each
		if w := words[base]; w != nil && w.device {
			no(at+".each", "need-each", "fact", base)
		}
	}
	if n.Each == "" && (n.Where != "" || n.Subject != "") {
		no(at, "need-where")
	}
	if base != "" {
		b, known := index[base]
		if !known {
			no(at, "need-base", "fact", base)
			return out, false
		}
		out.base = b
	}
	if !ok {
		return out, false
	}
	with := func(typ *types.Type) *cel.Env {
		env, err := c.env.Extend(cel.Variable("it", typ))
		if err != nil {
			panic("criteria: " + err.Error())
		}
		return env
	}
	compile := func(path, src string, env *cel.Env, want *cel.Type) cel.Program {
		if src == "" || !ok {
			return nil
		}
		p, ast, good := c.expr(env, path, src, want)
		if !good {
			ok = false
			return nil
		}
		if reads, _ := factsRead(ast); len(reads) > 0 {
			no(path, "need-reads", "fact", reads[0])
		}
		return p
	}
	if n.Each != "" {
		env := with(words[base].item)
		out.where = compile(at+".where", n.Where, env, cel.BoolType)
		out.subject = compile(at+".subject", n.Subject, env, cel.StringType)
	}
	out.complete = compile(at+".complete", n.Complete, with(out.word.item), cel.BoolType)
	return out, ok
}
