package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"

	"hoshi/internal/i18n"
)

func terminal(x any) bool {
	f, ok := x.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns returns how wide a terminal is; 80 when it does not say.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 80
}

// cells is how many columns a rune takes. Ambiguous ones are taken for wide in
// Japanese, where terminals differ: a line is then rather too short than broken.
func cells(r rune, l i18n.Lang) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x20 || r == 0x7f:
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	case width.EastAsianAmbiguous:
		if l == i18n.JA {
			return 2
		}
	}
	return 1
}

// textWidth is how many columns a text takes.
func textWidth(s string, l i18n.Lang) int {
	n := 0
	for _, r := range s {
		n += cells(r, l)
	}
	return n
}

// fit cuts a text to a number of columns, with ".." where something is left out.
func fit(s string, most int, l i18n.Lang) string {
	if textWidth(s, l) <= most {
		return s
	}
	var b strings.Builder
	n := 2
	for _, r := range s {
		if n += cells(r, l); n > most {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + ".."
}

// wrapAt is the longest line that is comfortable to read.
const wrapAt = 96

// wrap breaks lines so that words and numbers stay whole and no line begins with a
// sign that belongs to the one before it. Further lines keep the indent of the first.
func wrap(s string, most int, l i18n.Lang) string {
	most = min(most, wrapAt)
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		at := 0 // where this line began
		for textWidth(line[at:], l) > most {
			cut := breakOf(line[at:], most, l)
			if cut <= len(indent) {
				break // nowhere to break: the terminal will
			}
			out = append(out, strings.TrimRight(line[at:at+cut], " "))
			line = indent + strings.TrimLeft(line[at+cut:], " ")
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// breakOf finds the last place in a text where a line may end; 0 = nowhere.
func breakOf(s string, most int, l i18n.Lang) int {
	n, place := 0, 0
	var before rune
	for i, r := range s {
		if before != 0 && mayBreak(before, r) {
			place = i
		}
		if n += cells(r, l); n > most {
			return place
		}
		before = r
	}
	return len(s)
}

// mayBreak reports whether a line may end between two characters.
func mayBreak(a, b rune) bool {
	wide := func(r rune) bool {
		k := width.LookupRune(r).Kind()
		return k == width.EastAsianWide || k == width.EastAsianFullwidth
	}
	switch {
	case strings.ContainsRune("、。，．）」』】？！ーっゃゅょッャュョ々…:;,.)]", b), strings.ContainsRune("（「『【([", a):
		return false
	case a == ' ':
		return b != ' '
	}
	return wide(a) || wide(b)
}

// errLeft: the input ended, or the person at the terminal left.
var errLeft = errors.New("cli: the input has ended")

// dialog asks the person at the terminal. It gives up when the context ends.
type dialog struct {
	env   *Env
	lines *bufio.Reader
	spent time.Duration // on questions
}

// newDialog returns nil when nobody is at a terminal.
func newDialog(env *Env) *dialog {
	if !terminal(env.Stdin) || !terminal(env.Stderr) {
		return nil
	}
	return &dialog{env: env, lines: bufio.NewReader(env.Stdin)}
}

// put writes a question.
func (d *dialog) put(text string) {
	fmt.Fprint(visible{d.env.Stderr}, wrap(text, columns(d.env.Stderr)-1, d.env.Lang()))
}

// fitted writes lines that fit the terminal; elsewhere they stay as they are.
type fitted struct {
	w io.Writer
	l i18n.Lang
}

func (f fitted) Write(b []byte) (int, error) {
	if !terminal(f.w) {
		return f.w.Write(b)
	}
	_, err := io.WriteString(f.w, wrap(string(b), columns(f.w)-1, f.l))
	return len(b), err
}

// tell writes a sentence for the person at the terminal; elsewhere it stays one line.
func tell(env *Env, text string) {
	fmt.Fprintln(visible{fitted{env.Stderr, env.Lang()}}, text)
}

// wait runs a blocking read beside the context. A read that is left behind ends
// with the process.
func (d *dialog) wait(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		s   string
		err error
	}
	begun := time.Now()
	defer func() { d.spent += time.Since(begun) }()
	c := make(chan answer, 1)
	go func() {
		s, err := read()
		c <- answer{s, err}
	}()
	select {
	case a := <-c:
		return a.s, a.err
	case <-ctx.Done():
		fmt.Fprintln(d.env.Stderr)
		return "", ctx.Err()
	}
}

// line asks for a line of text; an empty one means the text offered.
func (d *dialog) line(ctx context.Context, prompt, offered string) (string, error) {
	if offered != "" {
		prompt += " [" + offered + "]"
	}
	d.put(prompt + ": ")
	s, err := d.read(ctx)
	if err != nil {
		return "", err
	}
	if s = strings.TrimSpace(s); s == "" {
		s = offered
	}
	return s, nil
}

// yes asks a question that a plain Enter answers with the default.
func (d *dialog) yes(ctx context.Context, question string, byDefault bool) (bool, error) {
	hint := " [y/N] "
	if byDefault {
		hint = " [Y/n] "
	}
	for {
		d.put(question + hint)
		s, err := d.read(ctx)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(strings.TrimSpace(s)) {
		case "":
			return byDefault, nil
		case "y", "yes", "ｙ", "はい":
			return true, nil
		case "n", "no", "ｎ", "いいえ":
			return false, nil
		}
		tell(d.env, d.env.Lang().T("assess.answer.yes-no"))
	}
}

// read waits for a line. The end of the input is an answer, too: the person leaves.
func (d *dialog) read(ctx context.Context) (string, error) {
	s, err := d.wait(ctx, func() (string, error) { return d.lines.ReadString('\n') })
	if errors.Is(err, io.EOF) {
		fmt.Fprintln(d.env.Stderr)
		err = errLeft
	}
	return s, err
}

// secret asks for a value that is not shown while it is typed.
func (d *dialog) secret(ctx context.Context, prompt string) (string, error) {
	f, ok := d.env.Stdin.(*os.File)
	if !ok {
		return "", errLeft
	}
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	defer term.Restore(fd, before) // also when the read is left behind
	d.put(prompt + ": ")
	s, err := d.wait(ctx, func() (string, error) {
		b, err := term.ReadPassword(fd)
		return string(b), err
	})
	if err == nil {
		fmt.Fprintln(d.env.Stderr)
	}
	return s, err
}

// choose asks for one of the numbers 1 to n.
func (d *dialog) choose(ctx context.Context, prompt string, n, offered int) (int, error) {
	for {
		s, err := d.line(ctx, prompt, fmt.Sprint(offered))
		if err != nil {
			return 0, err
		}
		var k int
		if _, err := fmt.Sscan(narrow(s), &k); err == nil && k >= 1 && k <= n {
			return k, nil
		}
		tell(d.env, d.env.Lang().T("assess.answer.number", "most", n))
	}
}

// narrow turns full-width digits and letters, as a Japanese keyboard gives them, into ASCII.
func narrow(s string) string { return width.Narrow.String(s) }
