package evidence

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"hoshi/internal/probe"
)

// Each millisecond is counted once: for the probes that ran in it, in equal parts,
// unless a person was busy.
func TestSpent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var run []probe.Record
		var working, busy [300]int
		add := func(event, item string, at, took int, clock *[300]int) {
			run = append(run, probe.Record{Probe: "run", Event: event, Item: item, At: int64(at), Took: int64(took)})
			for i := at; i < at+took; i++ {
				clock[i]++
			}
		}
		for i := range rapid.IntRange(0, 6).Draw(t, "probes") {
			at := rapid.IntRange(0, 200).Draw(t, "at")
			add("end", fmt.Sprint("p", i), at, rapid.IntRange(0, 99).Draw(t, "took"), &working)
		}
		at := 0
		for range rapid.IntRange(0, 3).Draw(t, "steps") { // a person does one thing at a time
			at += rapid.IntRange(0, 60).Draw(t, "pause")
			took := rapid.IntRange(0, 30).Draw(t, "busy")
			add("step", "change", at, took, &busy)
			at += took
		}
		var alone, person int64
		for i := range working {
			if busy[i] > 0 {
				person++
			} else if working[i] > 0 {
				alone++
			}
		}
		m, p := Spent(run)
		for _, ms := range m {
			alone -= ms
		}
		for _, ms := range p {
			person -= ms
		}
		if alone != 0 || person != 0 {
			t.Errorf("not counted: machine %d, person %d\n%v", alone, person, run)
		}
	})
	m, _ := Spent([]probe.Record{{Event: "end", Item: "a", At: 0, Took: 100}, {Event: "cut", Item: "b", At: 40, Took: 100}})
	if m["a"] != 70 || m["b"] != 70 {
		t.Errorf("%v", m)
	}
}
