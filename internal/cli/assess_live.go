package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"hoshi/internal/assess"
	"hoshi/internal/fact"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
)

// How often the picture on a terminal is drawn, and a line is printed elsewhere.
const (
	drawEvery = 200 * time.Millisecond
	lineEvery = 5 * time.Second
)

// progress shows a run: a small living picture on a terminal, plain lines
// elsewhere, JSON lines when a program reads them. Several probes may be under way
// at once; each tells of itself under its own name.
type progress struct {
	w    io.Writer
	l    i18n.Lang
	live bool
	json bool

	mu     sync.Mutex
	began  time.Time
	parts  []assess.Part
	under  []*under          // probes under way, in the order in which they began
	stages map[int]time.Time // when each part of the estimate began
	open   []string          // ports, as they are found
	down   time.Time         // since when the device does not answer; zero = it does
	drawn  int               // lines of the picture on the screen
	spoken time.Time
	quiet  bool // a person is being asked: no picture
	few    bool // of UDP only the known services are asked
	heard  bool // the device has answered
	stop   chan struct{}
	done   chan struct{}
}

// under is a probe under way.
type under struct {
	now   assess.Event // the latest
	load  *assess.Load
	count int       // records
	heard time.Time // when it was
	over  bool      // it has ended, and nothing began since
}

func newProgress(env *Env, l i18n.Lang, json bool) *progress {
	live := !json && terminal(env.Stderr) && env.Getenv("TERM") != "dumb" // which cannot move its cursor
	return &progress{w: env.Stderr, l: l, live: live, json: json, began: time.Now()}
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
	switch e.State {
	case "begin":
		p.under = slices.DeleteFunc(p.under, func(u *under) bool { return u.over || u.now.Probe == e.Probe })
		p.under = append(p.under, &under{now: e, heard: time.Now()})
		if p.stages == nil {
			p.stages = map[int]time.Time{}
		}
		if k := partOf(e.Probe); p.stages[k].IsZero() {
			p.stages[k] = time.Now()
		}
		p.spoken = time.Now()
	case "progress":
		if u := p.of(e.Probe); u != nil {
			counts := e.Note != "interfaces"       // of the sign-in tests, also when none are made
			if u.count == 0 && !p.live && counts { // a probe that finds nothing to ask is not worth a line
				fmt.Fprintln(p.w, p.l.T("assess.begin", "seconds", e.At/1000, "what", p.name(e.Probe)))
			}
			if counts {
				u.count++
			}
			u.now, u.heard = e, time.Now()
			if e.Load != nil {
				u.load = e.Load
			}
		}
		p.note(e)
	case "end":
		if u := p.of(e.Probe); u != nil {
			u.over = true
		}
	}
	switch {
	case p.live && p.stop == nil:
		p.draw()
	case !p.live && len(p.under) > 0 && time.Since(p.spoken) >= lineEvery:
		p.spoken = time.Now()
		fmt.Fprintln(visible{p.w}, "  "+p.line())
	}
}

// of finds a probe that is under way.
func (p *progress) of(name string) *under {
	for _, u := range p.under {
		if u.now.Probe == name && !u.over {
			return u
		}
	}
	return nil
}

// busy are the probes under way; between two of them the one that has just ended.
func (p *progress) busy() []*under {
	out := slices.DeleteFunc(slices.Clone(p.under), func(u *under) bool { return u.over })
	if len(out) == 0 {
		return p.under
	}
	return out
}

func (p *progress) name(probe string) string { return p.l.T("assess.probe." + probe) }

// found keeps an open port.
func (p *progress) found(event, port, err string) {
	open := event == "open" && port != "" || event == "asked" && err == "" && strings.HasPrefix(port, "udp/")
	if open && !slices.Contains(p.open, port) {
		p.open = append(p.open, port)
	}
}

// note keeps and tells what matters in a record.
func (p *progress) note(e assess.Event) {
	p.found(e.Note, e.Port, e.Error)
	p.few = p.few || e.Probe == "udp" && e.Note == "estimate"
	p.heard = p.heard || e.Note == "closed" || len(p.open) > 0 || e.Load != nil && e.Load.Answers > 0
	switch {
	case e.Note == "down":
		p.down = time.Now()
		p.say(e.At, "assess.down")
	case e.Note == "up" && !p.down.IsZero():
		p.down = time.Time{}
		p.say(e.At, "assess.up")
	case e.Note == "gave-up":
		p.say(e.At, "assess.gave-up")
	case e.Note == "estimate" && e.All > 0:
		p.say(e.At, "assess.udp.slow", "time", spell(p.l, time.Duration(e.All)*time.Second))
	case e.Note == "estimate" && e.Probe == "udp":
		p.say(e.At, "assess.udp.never")
	}
}

// say prints a line that stays.
func (p *progress) say(at int64, key string, args ...any) {
	p.clear()
	text := p.l.T("assess.begin", "seconds", at/1000, "what", p.l.T(key, args...))
	if p.live {
		text = wrap(text, columns(p.w)-1, p.l)
	}
	fmt.Fprintln(visible{p.w}, text)
}

// before shows what an earlier part of the run had found.
func (p *progress) before(past *assess.Past) {
	for _, r := range past.Records {
		p.found(r.Event, r.Port, r.Error)
		p.few = p.few || r.Probe == "udp" && r.Event == "estimate"
		p.heard = p.heard || r.Event == "closed"
	}
	p.heard = p.heard || len(p.open) > 0
}

func (p *progress) clear() {
	if p.drawn > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\r\x1b[J", p.drawn)
		p.drawn = 0
	}
}

// draw writes the picture over the last one.
func (p *progress) draw() {
	if !p.live || p.quiet || len(p.under) == 0 {
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
	out := []string{p.doing(most), p.l.T("assess.live.device", "state", p.device())}
	if len(p.open) > 0 {
		head := p.l.T("assess.live.open", "number", len(p.open), "ports", "")
		out = append(out, head+p.ports(most-textWidth(head, p.l)))
	}
	last := p.l.T("assess.live.time", "elapsed", clock(time.Since(p.began)), "left", p.left())
	if hint := "  " + p.l.T("assess.live.hint"); textWidth(last+hint, p.l) <= most {
		last += hint
	}
	return append(out, last)
}

// ports lists as many open ports as fit.
func (p *progress) ports(most int) string {
	all := slices.SortedFunc(slices.Values(p.open), fact.Compare)
	for n := len(all); n > 0; n-- {
		s := strings.Join(all[:n], " ")
		if n < len(all) {
			s += " .."
		}
		if textWidth(s, p.l) <= most {
			return s
		}
	}
	return ""
}

// doing is what is being done and how far it is: a bar for a scan, the names of
// the others.
func (p *progress) doing(most int) string {
	busy := p.busy()
	if len(busy) == 1 {
		return p.bar(busy[0], most)
	}
	return p.names(busy, most)
}

// names lists the probes under way that fit, and counts the others.
func (p *progress) names(us []*under, most int) string {
	head := p.l.T("assess.live.several", "number", len(us))
	for n := len(us); n > 0; n-- {
		var names []string
		for _, u := range us[:n] {
			names = append(names, p.name(u.now.Probe))
		}
		s := head + strings.Join(names, p.l.T("assess.live.and"))
		if n < len(us) {
			s += p.l.T("assess.live.others", "number", len(us)-n)
		}
		if textWidth(s, p.l) <= most {
			return s
		}
	}
	return head
}

func (p *progress) bar(u *under, most int) string {
	name := p.name(u.now.Probe)
	if u.now.Total == 0 || p.known(u) {
		return strings.TrimRight(name+"  "+p.status(u), " ")
	}
	tail := fmt.Sprintf(" %3d %%  %s / %s", u.now.Done*100/u.now.Total, group(u.now.Done), group(u.now.Total))
	n := min(30, most-textWidth(name, p.l)-textWidth(tail, p.l)-3)
	if n < 5 {
		return name + tail
	}
	k := n * u.now.Done / u.now.Total
	return name + " [" + strings.Repeat("#", k) + strings.Repeat("-", n-k) + "]" + tail
}

// line is the state of a run in one line of plain text.
func (p *progress) line() string {
	busy := p.busy()
	if len(busy) > 1 {
		return p.names(busy, math.MaxInt)
	}
	s := p.status(busy[0])
	if s == "" {
		s = p.name(busy[0].now.Probe)
	}
	return s
}

// status is how far one probe is.
func (p *progress) status(u *under) string {
	switch e := u.now; {
	case p.known(u):
		return p.l.T("assess.live.known", "done", group(e.Done))
	case e.Total > 0:
		s := p.l.T("assess.live.ports", "done", group(e.Done), "total", group(e.Total), "open", len(p.open), "rate", group(e.Rate))
		if !p.down.IsZero() || !p.heard {
			s += p.l.T("assess.live.and") + p.device()
		}
		return s
	case e.Probe == "signin" && e.Done > 0:
		gone := int(time.Since(u.heard).Seconds())
		switch {
		case gone < e.Wait:
			return p.l.T("assess.live.waiting", "seconds", e.Wait-gone, "where", e.Item)
		case gone >= 5:
			return p.l.T("assess.live.silent", "seconds", gone, "where", e.Item)
		}
		return p.l.T("assess.live.attempt", "number", e.Done, "where", e.Item)
	case e.Port != "":
		return p.l.T("assess.live.records", "number", u.count, "port", e.Port)
	}
	return ""
}

// device says how the device bears the test.
func (p *progress) device() string {
	if !p.down.IsZero() {
		return p.l.T("assess.live.down", "seconds", int(time.Since(p.down).Seconds()))
	}
	if !p.heard {
		return p.l.T("assess.live.unheard")
	}
	for _, u := range p.busy() { // scans never overlap
		switch {
		case u.load != nil && u.load.Answers+u.load.Lost > 0:
			return p.l.T("assess.live.load", "rate", group(u.load.Sent), "lost", u.load.Lost*100/(u.load.Answers+u.load.Lost))
		case u.now.Rate > 0:
			return p.l.T("assess.live.rate", "rate", group(u.now.Rate))
		}
	}
	return p.l.T("assess.live.well")
}

// known reports whether a probe asks the known UDP services only.
func (p *progress) known(u *under) bool { return p.few && u.now.Probe == "udp" }

// left is the time that the rest will take: a scan by its own rate, the others as
// estimated.
func (p *progress) left() string {
	if len(p.parts) == 0 {
		return "-"
	}
	stage, own := math.MaxInt, time.Duration(0)
	for _, u := range p.busy() {
		stage = min(stage, partOf(u.now.Probe))
		if !p.known(u) {
			own = max(own, time.Duration(u.now.Left)*time.Second)
		}
	}
	var least, most time.Duration
	for _, part := range p.parts {
		switch k := partOf(part.Name); {
		case k > stage:
			least, most = least+part.Least, most+part.Most
		case k == stage && own > 0:
			least, most = least+own, most+own
		case k == stage:
			gone := time.Since(p.stages[k])
			least, most = least+max(0, part.Least-gone), most+max(0, part.Most-gone)
		}
	}
	if least < time.Second {
		return p.l.T("assess.live.most", "most", about(p.l, most))
	}
	return p.l.T("assess.live.left", "least", about(p.l, least), "most", about(p.l, most))
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

// failed tells a program why there is no result.
func (p *progress) failed(err error) {
	sentence, places := p.l.Error(err)
	out := json.NewEncoder(p.w)
	out.SetEscapeHTML(false)
	_ = out.Encode(assess.Event{At: time.Since(p.began).Milliseconds(), Probe: assess.RunTranscript, State: "failed", Error: strings.Join(append([]string{sentence}, places...), " ")})
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
