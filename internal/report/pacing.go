package report

import (
	"fmt"
	"html/template"
	"strings"

	"hoshi/internal/i18n"
	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
)

// pacing is the picture of how fast the device was asked and how it answered.
type pacing struct {
	Picture template.HTML
	Parts   []string // probes in the order of the curve
	Top     int      // highest rate, packets per second
	Downs   int      // how often the device stopped answering
}

// sample is one stretch of a scan, about a second long, in packets per second.
type sample struct {
	at             int64 // ms
	sent, answered int
}

// readPace reads a "pace" record; false when it is none.
func readPace(r probe.Record) (sample, bool) {
	p, ok := sweep.ParsePace(r.Detail)
	took := max(r.Took, 1)
	perSecond := func(n int) int { return int(min(int64(max(n, 0)), 1<<32) * 1000 / took) }
	return sample{at: r.At, sent: perSecond(p.Sent), answered: perSecond(p.Answered)}, ok && r.Took >= 200
}

// drawPacing draws the scans of a run on one time axis; nil when none kept its pace.
func drawPacing(l i18n.Lang, transcripts map[string][]probe.Record) *pacing {
	p := &pacing{}
	var all []sample
	type silence struct{ from, to int64 }
	var downs []silence
	var end int64
	for _, name := range []string{"tcp", "udp"} {
		before := len(all)
		for _, r := range transcripts[name] {
			switch r.Event {
			case "pace":
				if s, ok := readPace(r); ok {
					all = append(all, s)
					p.Top = max(p.Top, s.sent, s.answered)
				}
			case "down":
				downs = append(downs, silence{r.At, r.At + 1000})
			case "up":
				if n := len(downs); n > 0 {
					downs[n-1].to = max(downs[n-1].to, r.At)
				}
			}
			end = max(end, r.At)
		}
		if len(all) > before {
			p.Parts = append(p.Parts, name)
		}
	}
	if len(all) < 2 || p.Top == 0 {
		return nil
	}
	p.Downs = len(downs)
	first := all[0].at
	span := max(1, end-first)
	const left, top, width, height = 56, 10, 640, 200
	x := func(at int64) string { return fixed(left + float64(width)*float64(at-first)/float64(span)) }
	y := func(n int) string { return fixed(top + height - float64(height)*float64(min(n, p.Top))/float64(p.Top)) }
	var s strings.Builder
	fmt.Fprintf(&s, `<svg class="pace" role="img" viewBox="0 0 %d %d" aria-label="%s">`, left+width+30, top+height+34,
		template.HTMLEscapeString(l.T("report.pace.alt", "top", number(p.Top), "seconds", span/1000, "downs", p.Downs)))
	for _, d := range downs {
		fmt.Fprintf(&s, `<rect class="down" x="%s" y="%d" width="%s" height="%d"/>`, x(d.from), top, fixed(max(2, float64(width)*float64(d.to-d.from)/float64(span))), height)
	}
	for i := range 5 {
		n := p.Top * i / 4
		fmt.Fprintf(&s, `<path class="axis" d="M%d %s h%d"/><text x="%d" y="%s" text-anchor="end">%s</text>`, left, y(n), width, left-6, y(n), number(n))
		fmt.Fprintf(&s, `<text x="%d" y="%d" text-anchor="middle">%s</text>`, left+width*i/4, top+height+20, template.HTMLEscapeString(l.T("report.seconds", "n", fmt.Sprintf("%.1f", float64(span)*float64(i)/4000))))
	}
	line := func(class string, value func(sample) int) {
		fmt.Fprintf(&s, `<path class="%s" d="`, class)
		for i, v := range all {
			step := byte('L')
			if i == 0 || v.at-all[i-1].at > 5000 {
				step = 'M'
			}
			fmt.Fprintf(&s, "%c%s %s", step, x(v.at), y(value(v)))
		}
		s.WriteString(`"/>`)
	}
	line("sent", func(v sample) int { return v.sent })
	line("answered", func(v sample) int { return v.answered })
	s.WriteString(`</svg>`)
	p.Picture = template.HTML(s.String())
	return p
}
