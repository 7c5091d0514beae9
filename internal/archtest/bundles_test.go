package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

const strangers = "internal/testkit/stranger"

// makers are the packages through which a test comes to a bundle.
var makers = []string{"internal/evidence", "internal/assess", "internal/practice", "internal/demo", "internal/cli"}

// Every bundle that a test makes is replayed by a stranger: the test program is
// watched, a run that is not sealed is kept, and so are the files of a program
// built apart.
func TestBundlesAreReplayed(t *testing.T) {
	all := files(t)
	makes, tested, watched := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, f := range all {
		makes[f.pkg] = makes[f.pkg] || slices.Contains(makers, f.pkg) || slices.ContainsFunc(imports(f), func(p string) bool { return slices.Contains(makers, strings.TrimPrefix(p, "hoshi/")) })
		tested[f.pkg] = tested[f.pkg] || f.test
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if calls(fn, "evidence.Watch") && f.pkg != strangers {
				t.Errorf("%s: evidence.Watch is for %s alone", f.path, strangers)
			}
			if f.test && fn.Name.Name == "TestMain" && calls(fn, "stranger.Watch") {
				watched[f.pkg] = true
			}
			if f.test && getsRun(f, fn) && !calls(fn, "stranger.Keep") && !calls(fn, "evidence.Seal") {
				t.Errorf("%s: %s makes a run that nobody replays; hand it to stranger.Keep", f.path, fn.Name.Name)
			}
		}
		if f.test && f.pkg != "internal/archtest" && says(f, "go") && says(f, "build") && (says(f, "assess") || says(f, "demo") || says(f, "practice")) && !calls(f.ast, "stranger.KeepFiles") {
			t.Errorf("%s builds a program that makes bundles; hand them to stranger.KeepFiles", f.path)
		}
	}
	n := 0
	for pkg := range makes {
		if !makes[pkg] || !tested[pkg] || pkg == strangers {
			continue
		}
		n++
		if !watched[pkg] {
			t.Errorf("%s can make bundles in its tests; begin its TestMain with stranger.Watch", pkg)
		}
	}
	if n < 8 {
		t.Errorf("only %d packages make bundles: this test no longer finds them", n)
	}
}

// calls reports whether the code calls pkg.Name, or Name of its own package.
func calls(n ast.Node, name string) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		found = found || ok && callee(c) == name
		return !found
	})
	return found
}

func callee(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok {
			return x.Name + "." + f.Sel.Name
		}
	}
	return ""
}

// getsRun reports whether the function takes the run from assess.Run.
func getsRun(f file, fn *ast.FuncDecl) bool {
	run := "assess.Run"
	if f.ast.Name.Name == "assess" {
		run = "Run"
	}
	found := false
	ast.Inspect(fn, func(n ast.Node) bool {
		a, ok := n.(*ast.AssignStmt)
		if !ok || len(a.Rhs) != 1 {
			return true
		}
		c, ok := a.Rhs[0].(*ast.CallExpr)
		x, named := a.Lhs[0].(*ast.Ident)
		found = found || ok && callee(c) == run && (!named || x.Name != "_")
		return true
	})
	return found
}

// says reports whether the file holds the text as a literal.
func says(f file, text string) bool {
	found := false
	ast.Inspect(f.ast, func(n ast.Node) bool {
		l, ok := n.(*ast.BasicLit)
		found = found || ok && l.Kind == token.STRING && l.Value == `"`+text+`"`
		return !found
	})
	return found
}
