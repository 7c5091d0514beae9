package report

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"hoshi/internal/fact"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
	"hoshi/internal/probe/registry"
)

// timeline is the picture of all sign-in attempts, one lane for each entrance,
// and the table beside it.
type timeline struct {
	Picture template.HTML
	Lanes   []lane
	Seconds int64
}

type lane struct {
	Door                        string
	Attempts, After             int64
	Limited, Complete           bool
	How, Scope, Lasts           string // in words
	PerDay                      int64
	Accepted                    []string // default values that signed in
	DefaultsTried               int64
	DefaultsSeen, DefaultsWhole bool
}

// shapes draws each outcome in a form of its own, so that colour is not needed.
var shapes = map[probe.Outcome]string{
	probe.Refused:  `<path class="refused" d="M%[1]v %[2]v v12"/>`,
	probe.Unknown:  `<path class="refused" d="M%[1]v %[2]v v12"/>`,
	probe.Accepted: `<circle class="accepted" cx="%[1]v" cy="%[3]v" r="5"/>`,
	probe.Forced:   `<circle class="forced" cx="%[1]v" cy="%[3]v" r="4"/>`,
	probe.Limited:  `<rect class="limited" x="%[4]v" y="%[2]v" width="6" height="12"/>`,
	probe.Missed:   `<path class="missed" d="M%[4]v %[2]v l6 12 m0 -12 l-6 12"/>`,
}

// known are the attempts with a value that is right and meant to be: they show
// that right is told from wrong.
var known = []string{"control", "first", "reset", "changed-new", "after"}

const control = `<path class="control" d="M%[4]v %[3]v l3 -5 l3 5 l-3 5 z"/>`

// drawTimeline draws the attempts of a sign-in transcript; nil when nothing was tried.
func drawTimeline(l i18n.Lang, records []probe.Record, facts fact.Set) *timeline {
	t := &timeline{}
	for _, f := range facts.Named("signin.limit") {
		x := lane{Door: f.Subject, Attempts: probe.Int(f.Value, "attempts"), After: probe.Int(f.Value, "after"), Limited: probe.Bool(f.Value, "limited"),
			Complete: probe.Bool(f.Value, "complete"), How: how(l, probe.Str(f.Value, "how")), Scope: l.T("report.scope." + probe.Str(f.Value, "scope")),
			PerDay: probe.Int(f.Value, "guessesPerDay")}
		if w := probe.Str(f.Value, "lasts"); w != "none" {
			x.Lasts = l.T("report.lasts."+w, "seconds", probe.Int(f.Value, "watched"))
		}
		if d, ok := facts.Get("signin.default", f.Subject); ok {
			x.DefaultsSeen, x.DefaultsTried, x.DefaultsWhole = true, probe.Int(d.Value, "tried"), probe.Bool(d.Value, "complete")
			x.Accepted = words(d.Value, "accepted")
		}
		t.Lanes = append(t.Lanes, x)
	}
	var attempts []probe.Record
	base := map[string]probe.Record{}
	for _, r := range records {
		if r.Event != "attempt" || r.Item == "" {
			continue
		}
		if _, ok := base[r.Item]; !ok && r.Detail == "baseline" {
			base[r.Item] = r
		}
		attempts = append(attempts, r)
	}
	if len(attempts) == 0 || len(t.Lanes) == 0 {
		return nil
	}
	first, end := attempts[0].At, int64(0)
	for _, r := range attempts {
		first, end = min(first, r.At), max(end, r.At+r.Took)
	}
	span := max(1000, end-first)
	t.Seconds = span / 1000
	const left, width, row = 10, 700, 44
	h := row*len(t.Lanes) + 26
	var s strings.Builder
	fmt.Fprintf(&s, `<svg class="time" role="img" viewBox="0 0 %d %d" aria-label="%s">`, left+width+30, h,
		template.HTMLEscapeString(l.T("report.time.alt", "n", len(attempts), "doors", len(t.Lanes))))
	for i, x := range t.Lanes {
		y := row*i + 16
		fmt.Fprintf(&s, `<text x="%d" y="%d">%s</text><path class="axis" d="M%d %d h%d"/>`, left, y-2, template.HTMLEscapeString(probe.Clip(x.Door)), left, y+18, width)
		for _, r := range attempts {
			if r.Item != x.Door {
				continue
			}
			o := outcome(x.Door, base[x.Door], r)
			shape, ok := shapes[o]
			if o == probe.Accepted && slices.Contains(known, r.Detail) {
				shape = control
			}
			if !ok {
				shape = shapes[probe.Missed]
			}
			at := left + float64(width)*float64(r.At-first)/float64(span)
			fmt.Fprintf(&s, shape, fixed(at), y+6, y+12, fixed(at-3))
		}
	}
	for i := range 5 {
		anchor := "middle"
		if i == 0 {
			anchor = "start"
		}
		fmt.Fprintf(&s, `<text x="%d" y="%d" text-anchor="%s">%s</text>`, left+width*i/4, h-6, anchor, template.HTMLEscapeString(l.T("report.seconds", "n", fmt.Sprintf("%.1f", float64(span)*float64(i)/4000))))
	}
	s.WriteString(`</svg>`)
	t.Picture = template.HTML(s.String())
	return t
}

// how says in words how a limit showed.
func how(l i18n.Lang, word string) string {
	if code, ok := strings.CutPrefix(word, "status-"); ok {
		return l.T("report.how.status", "code", code)
	}
	if key := "report.how." + word; i18n.Has(key) {
		return l.T(key)
	}
	return word
}

// outcome says what an attempt met, as the entrance of its kind judges it.
func outcome(door string, base, r probe.Record) probe.Outcome {
	_, kind, _ := strings.Cut(door, " ")
	kind, _, _ = strings.Cut(kind, " ")
	for _, e := range registry.Entrances() {
		if e.Kind == kind {
			return e.Classify(base, r)
		}
	}
	return probe.Unclear
}

func fixed(f float64) string { return fmt.Sprintf("%.1f", f) }
