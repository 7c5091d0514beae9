package criteria

import (
	"slices"
	"strings"

	celast "cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// lint refuses what would not give the same answer everywhere or can never be true.
func (c *compiler) lint(path string, a *celast.AST) bool {
	ok := true
	celast.PreOrderVisit(a.Expr(), celast.NewExprVisitor(func(x celast.Expr) {
		switch x.Kind() {
		case celast.ComprehensionKind:
			if t := a.GetType(x.AsComprehension().IterRange().ID()); t.Kind() != types.ListKind {
				c.d.refuse(path, "cel-map")
				ok = false
			}
		case celast.CallKind:
			call := x.AsCall()
			switch call.FunctionName() {
			case operators.Equals, operators.NotEquals, operators.In:
			default:
				return
			}
			l, r := call.Args()[0], call.Args()[1]
			if l.Kind() != celast.SelectKind {
				l, r = r, l
			}
			if l.Kind() != celast.SelectKind {
				return
			}
			enum := enumOf(a.GetType(l.AsSelect().Operand().ID()).TypeName(), l.AsSelect().FieldName())
			if enum == nil {
				return
			}
			lits := []celast.Expr{r}
			if r.Kind() == celast.ListKind {
				lits = r.AsList().Elements()
			}
			for _, lit := range lits {
				if lit.Kind() != celast.LiteralKind {
					continue
				}
				if s, is := lit.AsLiteral().Value().(string); is && !slices.Contains(enum, s) {
					c.d.refuse(path, "enum", "value", s, "known", strings.Join(enum, ", "))
					ok = false
				}
			}
		}
	}))
	return ok
}

// factsRead lists the facts that an expression names, and those of them whose
// absence could turn it from false to true. A fact is not strict when it is only
// looked for: "tcp_open.exists(…)" under && and ||, outside !, all(), size() and
// the like. Leaving out such a fact can only lose a "true", never make one.
func factsRead(a *celast.AST) (reads []string, strict map[string]bool) {
	names := map[string]string{}
	for n := range words {
		names[variable(n)] = n
	}
	strict = map[string]bool{}
	var walk func(x celast.Expr, sought bool)
	walk = func(x celast.Expr, sought bool) {
		switch x.Kind() {
		case celast.IdentKind:
			if n, ok := names[x.AsIdent()]; ok {
				reads = append(reads, n)
				strict[n] = true
			}
		case celast.CallKind:
			call := x.AsCall()
			and := call.FunctionName() == operators.LogicalAnd || call.FunctionName() == operators.LogicalOr
			if call.IsMemberFunction() {
				walk(call.Target(), false)
			}
			for _, arg := range call.Args() {
				walk(arg, sought && and)
			}
		case celast.ComprehensionKind:
			k := x.AsComprehension()
			if pred, ok := existsPredicate(k); ok && sought {
				if r := k.IterRange(); r.Kind() == celast.IdentKind && names[r.AsIdent()] != "" {
					reads = append(reads, names[r.AsIdent()])
				} else {
					walk(r, false)
				}
				walk(pred, true)
				return
			}
			for _, sub := range []celast.Expr{k.IterRange(), k.AccuInit(), k.LoopCondition(), k.LoopStep(), k.Result()} {
				walk(sub, false)
			}
		case celast.SelectKind:
			walk(x.AsSelect().Operand(), false)
		case celast.ListKind:
			for _, el := range x.AsList().Elements() {
				walk(el, false)
			}
		case celast.MapKind:
			for _, en := range x.AsMap().Entries() {
				walk(en.AsMapEntry().Key(), false)
				walk(en.AsMapEntry().Value(), false)
			}
		case celast.StructKind:
			for _, f := range x.AsStruct().Fields() {
				walk(f.AsStructField().Value(), false)
			}
		}
	}
	walk(a.Expr(), true)
	slices.Sort(reads)
	return slices.Compact(reads), strict
}

// existsPredicate returns p of a comprehension that is r.exists(v, p).
func existsPredicate(k celast.ComprehensionExpr) (celast.Expr, bool) {
	init, step := k.AccuInit(), k.LoopStep()
	if init.Kind() != celast.LiteralKind || init.AsLiteral() != types.False ||
		step.Kind() != celast.CallKind || step.AsCall().FunctionName() != operators.LogicalOr {
		return nil, false
	}
	args := step.AsCall().Args()
	if len(args) != 2 || args[0].Kind() != celast.IdentKind || args[0].AsIdent() != k.AccuVar() {
		return nil, false
	}
	return args[1], true
}
