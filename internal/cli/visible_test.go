package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestVisible(t *testing.T) {
	var b bytes.Buffer
	n, err := fmt.Fprint(visible{&b}, "型番\tHC-1\n\x1b[2J\u009b2J\u202ekcart\r\x7f")
	if want := "型番\tHC-1\n\ufffd[2J\ufffd2J\ufffdkcart\ufffd\ufffd"; err != nil || b.String() != want {
		t.Errorf("%d, %v, %q", n, err, b.String())
	}
}

// An argument, and with it a file name or an address of a stranger, comes back in
// an error without what it would do to the terminal.
func TestErrorsAreVisible(t *testing.T) {
	var out, errs bytes.Buffer
	code := Main(t.Context(), []string{"verify", "no-such-file-\x1b[31mred"}, &Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }})
	if code == ExitOK || strings.Contains(errs.String(), "\x1b") || !strings.Contains(errs.String(), "red") {
		t.Errorf("%d %q", code, errs.String())
	}
}
