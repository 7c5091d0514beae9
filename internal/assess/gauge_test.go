package assess

import (
	"testing"

	"hoshi/internal/probe"
)

// The rate of a slow device is that of the last records that settled anything; a
// port that is told of twice counts once.
func TestGauge(t *testing.T) {
	var got Event
	g := &gauge{o: Options{Progress: func(e Event) { got = e }}}
	tell := func(at int64, event, ports string) {
		g.record(probe.Record{Probe: "tcp", At: at, Event: event, Ports: ports})
	}
	tell(0, "plan", "")
	tell(10_000, "closed", "1-1000")
	for at := int64(11_000); at < 20_000; at += 1000 {
		tell(at, "pace", "")
	}
	if got.Rate < 50 || got.Rate > 100 {
		t.Errorf("rate %d while nothing is told", got.Rate)
	}
	tell(20_000, "closed", "500-2000")
	if got.Done != 2000 || got.Rate != 100 || got.Left != (allPorts-2000)/100 {
		t.Errorf("%+v", got)
	}
	tell(21_000, "open", "")
	if got.Done != 2000 {
		t.Errorf("done %d", got.Done)
	}
	g.record(probe.Record{Probe: "tcp", At: 21_000, Took: 2000, Event: "pace", Detail: "rate=400 sent=800 answered=800 canaries=10 lost=1 phase=climb"})
	if got.Load == nil || *got.Load != (Load{Sent: 400, Answers: 9, Lost: 1}) {
		t.Errorf("load %+v", got.Load)
	}
}
