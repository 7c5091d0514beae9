package report

import (
	"fmt"
	"html/template"
	"strings"

	"hoshi/internal/i18n"
	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
)

// pacing is how fast the device was asked and how it answered.
type pacing struct {
	Scans []paced
	Top   int // highest rate, packets per second
	Downs int // how often the device stopped answering
}

// paced is the curve of one scan. Each has a scale of its own: UDP is asked a hundred
// times more slowly than TCP.
type paced struct {
	Name    string // "TCP"
	Picture template.HTML
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

// silence is a time in which the device did not answer.
type silence struct{ from, to int64 }

// drawPacing draws the scans of a run; nil when none kept its pace.
func drawPacing(l i18n.Lang, transcripts map[string][]probe.Record) *pacing {
	p := &pacing{}
	for _, name := range []string{"tcp", "udp"} {
		var all []sample
		var downs []silence
		var end int64
		for _, r := range transcripts[name] {
			switch r.Event {
			case "pace":
				if s, ok := readPace(r); ok {
					all = append(all, s)
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
		p.Downs += len(downs)
		if top := highest(all); len(all) > 1 && top > 0 {
			p.Top = max(p.Top, top)
			p.Scans = append(p.Scans, paced{strings.ToUpper(name), curve(l, strings.ToUpper(name), all, downs, end)})
		}
	}
	if len(p.Scans) == 0 {
		return nil
	}
	return p
}

func highest(all []sample) int {
	top := 0
	for _, s := range all {
		top = max(top, s.sent, s.answered)
	}
	return top
}

// curve draws one scan on its own axes.
func curve(l i18n.Lang, name string, all []sample, downs []silence, end int64) template.HTML {
	first := all[0].at
	span := max(1, end-first)
	step := roundStep(int64(highest(all)), 4)
	top := (int64(highest(all)) + step - 1) / step * step
	const left, above, width, height = 56, 10, 640, 150
	x := func(at int64) string { return fixed(left + float64(width)*float64(at-first)/float64(span)) }
	y := func(n int64) string { return fixed(above + height - float64(height)*float64(min(n, top))/float64(top)) }
	var s strings.Builder
	fmt.Fprintf(&s, `<svg class="pace" role="img" viewBox="0 0 %d %d" aria-label="%s">`, left+width+30, above+height+34,
		template.HTMLEscapeString(l.T("report.pace.alt", "proto", name, "top", number(highest(all)), "seconds", span/1000, "downs", len(downs))))
	for _, d := range downs {
		fmt.Fprintf(&s, `<rect class="down" x="%s" y="%d" width="%s" height="%d"/>`, x(d.from), above, fixed(max(2, float64(width)*float64(d.to-d.from)/float64(span))), height)
	}
	for n := int64(0); n <= top; n += step {
		fmt.Fprintf(&s, `<path class="axis" d="M%d %s h%d"/><text x="%d" y="%s" text-anchor="end">%s</text>`, left, y(n), width, left-6, y(n), number(n))
	}
	tenths := span / 100
	for n, each := int64(0), timeStep(tenths); n <= tenths; n += each {
		fmt.Fprintf(&s, `<text x="%s" y="%d" text-anchor="middle">%s</text>`, x(first+n*100), above+height+20, template.HTMLEscapeString(l.T("report.seconds", "n", strings.TrimSuffix(fmt.Sprintf("%d.%d", n/10, n%10), ".0"))))
	}
	line := func(class string, value func(sample) int) {
		fmt.Fprintf(&s, `<path class="%s" d="`, class)
		for i, v := range all {
			move := byte('L')
			if i == 0 || v.at-all[i-1].at > 5000 {
				move = 'M'
			}
			fmt.Fprintf(&s, "%c%s %s", move, x(v.at), y(int64(value(v))))
		}
		s.WriteString(`"/>`)
	}
	line("sent", func(v sample) int { return v.sent })
	line("answered", func(v sample) int { return v.answered })
	s.WriteString(`</svg>`)
	return template.HTML(s.String())
}

// roundStep is the round number (1, 2 or 5 and zeros) of which at most so many
// cover a length.
func roundStep(length, most int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, m := range []int64{1, 2, 5} {
			if unit*m*most >= length {
				return unit * m
			}
		}
	}
}

// timeStep is the same for tenths of a second, in whole minutes where it is long.
func timeStep(tenths int64) int64 {
	if n := roundStep(tenths, 6); n <= 200 {
		return n
	}
	return 600 * roundStep((tenths+599)/600, 6)
}
