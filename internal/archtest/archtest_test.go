// Package archtest holds the rules of the house as tests: which way imports
// point, where SQL may stand, one package comment for each folder.
package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const root = "../.."

// layers lists the floors of the house from the ground up. A package may import
// packages of its own floor and of lower ones. Sub-packages belong to the floor
// of their parent unless they are named.
var layers = [][]string{
	{"internal/fault", "internal/i18n", "internal/fact", "internal/config", "internal/scheme", "criteria"},
	{"internal/policy", "internal/criteria", "internal/probe", "internal/ledger", "internal/label", "internal/page"},
	{"internal/evidence", "internal/formcheck"},
	{"internal/assess", "internal/practice", "internal/report", "internal/store", "internal/audit", "internal/jobs", "internal/blob", "internal/notify", "internal/sheet"},
	{"internal/casework", "internal/registry", "internal/auth", "internal/backup"},
	{"internal/web", "internal/api"},
	{"internal/app"},
	{"internal/demo"},
	{"internal/cli"},
	{"cmd/hoshi"},
}

// offline packages run on a laptop beside the device: no database, no server.
var offline = []string{"internal/assess", "internal/probe", "internal/evidence", "internal/ledger", "internal/label", "internal/criteria", "internal/practice", "internal/report"}

var testOnly = []string{"internal/testkit", "internal/casework/caseworktest", "internal/app/apptest", "internal/archtest", "internal/store/storetest", "internal/ledger/ledgertest", "internal/blob/blobtest"}

type file struct {
	path, pkg string // pkg is the folder, relative to the root
	ast       *ast.File
	test      bool
}

func files(t *testing.T) []file {
	t.Helper()
	var out []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if name == "testdata" || name == "conformance" || (strings.HasPrefix(name, ".") && name != ".." && name != ".") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		out = append(out, file{rel, filepath.ToSlash(filepath.Dir(rel)), f, strings.HasSuffix(name, "_test.go")})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d files found", len(out))
	}
	return out
}

func under(pkg string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return pkg == p || strings.HasPrefix(pkg, p+"/") })
}

func floor(pkg string) int {
	for i, l := range layers {
		if under(pkg, l) {
			return i
		}
	}
	return -1
}

func imports(f file) []string {
	var out []string
	for _, s := range f.ast.Imports {
		p, err := strconv.Unquote(s.Path.Value)
		if err == nil {
			out = append(out, p)
		}
	}
	return out
}

func TestImportsPointDown(t *testing.T) {
	for _, f := range files(t) {
		if f.test || under(f.pkg, testOnly) {
			continue
		}
		here := floor(f.pkg)
		if here < 0 {
			t.Errorf("%s stands on no floor; add it to layers", f.pkg)
			continue
		}
		for _, p := range imports(f) {
			pkg, ours := strings.CutPrefix(p, "hoshi/")
			if !ours {
				continue
			}
			if under(pkg, testOnly) {
				t.Errorf("%s imports %s, which is for tests", f.path, pkg)
			} else if there := floor(pkg); there > here {
				t.Errorf("%s imports %s, which stands above it", f.path, pkg)
			}
			if under(f.pkg, offline) && under(pkg, []string{"internal/store", "internal/web", "internal/api", "internal/casework"}) {
				t.Errorf("%s must work with no database and no server, but imports %s", f.path, pkg)
			}
		}
	}
}

func TestOnlyStoreSpeaksSQL(t *testing.T) {
	drivers := []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5"}
	for _, f := range files(t) {
		if f.test || under(f.pkg, []string{"internal/testkit"}) {
			continue
		}
		for _, p := range imports(f) {
			if p == "database/sql" && !under(f.pkg, []string{"internal/store"}) {
				t.Errorf("%s imports database/sql; SQL is the store's", f.path)
			}
			if under(p, drivers) && !under(f.pkg, []string{"internal/store/sqlite", "internal/store/postgres"}) {
				t.Errorf("%s imports the driver %s", f.path, p)
			}
		}
	}
}

func TestOnePackageComment(t *testing.T) {
	comments := map[string]int{}
	for _, f := range files(t) {
		if _, ok := comments[f.pkg]; !ok {
			comments[f.pkg] = 0
		}
		if f.ast.Doc != nil && (!f.test || f.pkg == "internal/archtest") {
			comments[f.pkg]++
		}
	}
	for pkg, n := range comments {
		if n != 1 {
			if n == 0 && onlyTests(t, pkg) {
				continue
			}
			t.Errorf("%s has %d package comments, want one", pkg, n)
		}
	}
}

func onlyTests(t *testing.T, pkg string) bool {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return !slices.ContainsFunc(names, func(n string) bool { return !strings.HasSuffix(n, "_test.go") })
}

// Everything exported says what it means.
func TestExportedIsDocumented(t *testing.T) {
	for _, f := range files(t) {
		if f.test || under(f.pkg, testOnly) {
			continue
		}
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && d.Name.Name != "Error" {
					t.Errorf("%s: %s has no comment", f.path, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil {
						t.Errorf("%s: type %s has no comment", f.path, ts.Name.Name)
					}
				}
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	typ := d.Recv.List[0].Type
	if s, ok := typ.(*ast.StarExpr); ok {
		typ = s.X
	}
	if x, ok := typ.(*ast.IndexExpr); ok {
		typ = x.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// An open note to oneself, a skipped test or a sleep in a test is a debt nobody sees.
func TestNoDebts(t *testing.T) {
	words := []string{"TO" + "DO", "FIX" + "ME", "X" + "XX"}
	for _, f := range files(t) {
		b, err := os.ReadFile(filepath.Join(root, f.path))
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		for _, w := range words {
			if strings.Contains(text, w) {
				t.Errorf("%s holds a %s", f.path, w)
			}
		}
		if f.test && f.pkg != "internal/archtest" {
			for _, w := range []string{"t.Skip(", "t.Skipf(", "t.SkipNow(", "time.Sleep("} {
				if strings.Contains(text, w) {
					t.Errorf("%s calls %s)", f.path, w)
				}
			}
		}
	}
}
