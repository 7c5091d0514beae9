package store_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hoshi/internal/store"
	"hoshi/internal/store/storetest"
	"hoshi/internal/testkit"
)

func TestConformance(t *testing.T) {
	for name, engine := range map[string]func(testing.TB) store.Engine{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) *storetest.Bench {
				clock := testkit.NewClock(storetest.Start)
				return &storetest.Bench{DB: storetest.Open(t, engine(t), clock.Now), Clock: clock}
			})
		})
	}
}

// Every exported function that works in a transaction is called by a test that
// runs on both engines. Accounts and sessions are tried through package auth.
func TestEveryFunctionIsTried(t *testing.T) {
	var tests strings.Builder
	for _, pattern := range []string{"storetest/*.go", "*_test.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(b)
		}
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, n := range sources {
		if strings.HasSuffix(n, "_test.go") || n == "account.go" || n == "session.go" {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), n, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || !fn.Name.IsExported() || !inTransaction(fn) {
				continue
			}
			found = append(found, fn.Name.Name)
			if !regexp.MustCompile(`store\.` + fn.Name.Name + `\b`).MatchString(tests.String()) {
				t.Errorf("%s: no test calls %s", n, fn.Name.Name)
			}
		}
	}
	if !slices.Contains(found, "InsertLabel") {
		t.Error("the functions were not found")
	}
}

func inTransaction(fn *ast.FuncDecl) bool {
	return slices.ContainsFunc(fn.Type.Params.List, func(f *ast.Field) bool {
		p, ok := f.Type.(*ast.StarExpr)
		if !ok {
			return false
		}
		id, ok := p.X.(*ast.Ident)
		return ok && id.Name == "Tx"
	})
}
