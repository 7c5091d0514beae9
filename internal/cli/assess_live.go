package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"hoshi/internal/assess"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
)

// How often the picture on a terminal is drawn, and a line is printed elsewhere.
const (
	drawEvery = 200 * time.Millisecond
	lineEvery = 5 * time.Second
)

// progress shows a run: a small living picture on a terminal, plain lines
// elsewhere, JSON lines when a program reads them.
type progress struct {
	w    io.Writer
	l    i18n.Lang
	live bool
	json bool

	mu      sync.Mutex
	began   time.Time
	parts   []assess.Part
	now     assess.Event // the latest of the probe that runs
	what    string       // its last record in words
	open    []string     // ports, as they are found
	down    time.Time    // since when the device does not answer; zero = it does
	load    *assess.Load
	count   int // records of the probe that runs
	drawn   int // lines of the picture on the screen
	spoken  time.Time
	quiet   bool // a person is being asked: no picture
	started int64
	stop    chan struct{}
	done    chan struct{}
}

func newProgress(env *Env, l i18n.Lang, json bool) *progress {
	return &progress{w: env.Stderr, l: l, live: !json && terminal(env.Stderr), json: json, began: time.Now()}
}

// begin starts drawing. It may be left out; then each event draws.
func (p *progress) begin(parts []assess.Part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parts, p.began = parts, time.Now()
	if !p.live {
		return
	}
	p.stop, p.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.done)
		t := time.NewTicker(drawEvery)
		defer t.Stop()
		for {
			select {
			case <-p.stop:
				return
			case <-t.C:
				p.mu.Lock()
				p.draw()
				p.mu.Unlock()
			}
		}
	}()
}

// end takes the picture away.
func (p *progress) end() {
	if p.stop != nil {
		close(p.stop)
		<-p.done
		p.stop = nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) event(e assess.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		p.asJSON(e)
		return
	}
	if e.Probe == assess.RunTranscript {
		switch e.Note {
		case "changed", "another", "moved", "rebooted":
			p.say(e.At, "assess.seen."+e.Note)
		}
		return
	}
	p.what = ""
	switch e.State {
	case "begin":
		p.now, p.count, p.started, p.load = e, 0, e.At, nil
		p.spoken = time.Now()
		if !p.live {
			fmt.Fprintln(p.w, p.l.T("assess.begin", "seconds", e.At/1000, "what", p.l.T("assess.probe."+e.Probe)))
		}
	case "progress":
		p.count++
		p.now = e
		if e.Load != nil {
			p.load = e.Load
		}
		p.note(e)
	}
	switch {
	case p.live && p.stop == nil:
		p.draw()
	case !p.live && time.Since(p.spoken) >= lineEvery:
		p.spoken = time.Now()
		fmt.Fprintln(visible{p.w}, "  "+p.status())
	}
}

// note keeps and tells what matters in a record.
func (p *progress) note(e assess.Event) {
	switch {
	case e.Note == "open" && e.Port != "" && !slices.Contains(p.open, e.Port):
		p.open = append(p.open, e.Port)
	case e.Note == "asked" && e.Error == "" && strings.HasPrefix(e.Port, "udp/") && !slices.Contains(p.open, e.Port):
		p.open = append(p.open, e.Port)
	case e.Note == "down":
		p.down = time.Now()
		p.say(e.At, "assess.down")
	case e.Note == "up" && !p.down.IsZero():
		p.down = time.Time{}
		p.say(e.At, "assess.up")
	case e.Note == "gave-up":
		p.say(e.At, "assess.gave-up")
	}
}

// say prints a line that stays.
func (p *progress) say(at int64, key string, args ...any) {
	p.clear()
	fmt.Fprintln(visible{p.w}, p.l.T("assess.begin", "seconds", at/1000, "what", p.l.T(key, args...)))
}

func (p *progress) clear() {
	if p.drawn > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\r\x1b[J", p.drawn)
		p.drawn = 0
	}
}

// draw writes the picture over the last one.
func (p *progress) draw() {
	if !p.live || p.quiet || p.now.Probe == "" {
		return
	}
	most := columns(p.w) - 1
	var b strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", p.drawn)
	}
	lines := p.picture(most)
	for _, s := range lines {
		b.WriteString("\x1b[K")
		_, _ = visible{&b}.Write([]byte(fit(s, most, p.l)))
		b.WriteString("\n")
	}
	b.WriteString("\x1b[J")
	_, _ = io.WriteString(p.w, b.String())
	p.drawn = len(lines)
}

// picture is what a person sees at a glance: what is done and how far, how the
// device bears it, what was found, how long it will take.
func (p *progress) picture(most int) []string {
	out := []string{p.bar(most), p.l.T("assess.live.device", "state", p.device())}
	if len(p.open) > 0 {
		head := p.l.T("assess.live.open", "number", len(p.open), "ports", "")
		out = append(out, head+p.ports(most-textWidth(head, p.l)))
	}
	return append(out, p.l.T("assess.live.time", "elapsed", clock(time.Since(p.began)), "left", p.left()))
}

// ports lists the latest open ports that fit.
func (p *progress) ports(most int) string {
	for i := range p.open {
		s := strings.Join(p.open[i:], " ")
		if i > 0 {
			s = ".. " + s
		}
		if textWidth(s, p.l) <= most {
			return s
		}
	}
	return ""
}

func (p *progress) bar(most int) string {
	name := p.l.T("assess.probe." + p.now.Probe)
	if p.now.Total == 0 {
		return name + "  " + p.status()
	}
	tail := fmt.Sprintf(" %3d %%  %s / %s", p.now.Done*100/p.now.Total, group(p.now.Done), group(p.now.Total))
	n := min(30, most-textWidth(name, p.l)-textWidth(tail, p.l)-3)
	if n < 5 {
		return name + tail
	}
	k := n * p.now.Done / p.now.Total
	return name + " [" + strings.Repeat("#", k) + strings.Repeat("-", n-k) + "]" + tail
}

// status is the state of the probe that runs in one line of plain text.
func (p *progress) status() string {
	switch e := p.now; {
	case e.Total > 0:
		s := p.l.T("assess.live.ports", "done", group(e.Done), "total", group(e.Total), "open", len(p.open), "rate", group(e.Rate))
		if !p.down.IsZero() {
			s += " " + p.device()
		}
		return s
	case e.Probe == "signin" && e.Done > 0:
		return p.l.T("assess.live.attempt", "number", e.Done, "where", e.Item)
	case e.Port != "":
		return p.l.T("assess.live.records", "number", p.count, "port", e.Port)
	}
	return ""
}

// device says how the device bears the test.
func (p *progress) device() string {
	switch {
	case !p.down.IsZero():
		return p.l.T("assess.live.down", "seconds", int(time.Since(p.down).Seconds()))
	case p.load != nil && p.load.Answers+p.load.Lost > 0:
		return p.l.T("assess.live.load", "rate", group(p.now.Rate), "lost", p.load.Lost*100/(p.load.Answers+p.load.Lost))
	case p.now.Rate > 0:
		return p.l.T("assess.live.rate", "rate", group(p.now.Rate))
	}
	return p.l.T("assess.live.well")
}

// left is the time that the rest will take: the probe that runs by its own rate,
// the others as estimated.
func (p *progress) left() string {
	if len(p.parts) == 0 {
		return "-"
	}
	stage := partOf(p.now.Probe)
	var least, most time.Duration
	for _, part := range p.parts {
		switch k := partOf(part.Name); {
		case k > stage:
			least, most = least+part.Least, most+part.Most
		case k == stage && p.now.Left > 0:
			d := time.Duration(p.now.Left) * time.Second
			least, most = least+d, most+d
		case k == stage:
			gone := time.Duration(p.now.At-p.started) * time.Millisecond
			least, most = least+max(0, part.Least-gone), most+max(0, part.Most-gone)
		}
	}
	return p.l.T("assess.live.left", "least", spell(p.l, least), "most", spell(p.l, most))
}

// partOf orders probes and the parts of an estimate alike.
func partOf(name string) int {
	switch {
	case name == "host":
		return 0
	case name == "tcp":
		return 1
	case strings.HasPrefix(name, "udp"):
		return 2
	case strings.HasPrefix(name, "signin"), name == "steps":
		return 4
	}
	return 3
}

// clock writes a time as 1:02:03.
func clock(d time.Duration) string {
	s := int(d.Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

// asJSON prints events for a program: all that matter, the others twice a second.
func (p *progress) asJSON(e assess.Event) {
	matters := e.State != "progress" || e.Note == "open" || e.Note == "down" || e.Note == "up" || e.Note == "gave-up"
	if e.Probe == assess.RunTranscript {
		if e.Note == "begin" || e.Note == "end" {
			return // said by their own events
		}
		matters = true
	}
	if !matters && time.Since(p.spoken) < 500*time.Millisecond {
		return
	}
	p.spoken = time.Now()
	_ = json.NewEncoder(p.w).Encode(e) // a reader that has gone must not end the run
}

// person puts steps to the person at the terminal while the picture waits.
func (p *progress) person(d *dialog) probe.Person {
	return func(ctx context.Context, s probe.Step) (string, error) {
		p.mu.Lock()
		p.clear()
		p.quiet = true
		p.mu.Unlock()
		defer func() {
			p.mu.Lock()
			p.quiet = false
			p.mu.Unlock()
		}()
		var args []any
		for k, v := range s.Args {
			args = append(args, k, v)
		}
		fmt.Fprint(p.w, "\a")
		text := p.l.T("assess.step."+s.ID, args...)
		switch s.Want {
		case "secret":
			return d.secret(ctx, text)
		case "yes-no":
			ok, err := d.yes(ctx, text, false)
			if err != nil || !ok {
				return "no", err
			}
			return "yes", nil
		}
		_, err := d.line(ctx, text+" "+p.l.T("assess.step.enter"), "")
		return "", err
	}
}
