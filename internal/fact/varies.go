package fact

import (
	"maps"
	"slices"
)

// passing are members that no two tests of the same device share: times, texts
// with a clock or a random value in them.
var passing = map[string][]string{
	"amplification":    {"question"},
	"device.outage":    {"last", "rate", "seconds"},
	"device.restart":   {"at", "bootsAfter", "bootsBefore", "secondsAfter", "secondsBefore"},
	"device.uptime":    {"at", "seconds"},
	"service.protocol": {"excerpt"},
	"tcp.scan":         {"method", "tries"},
	"udp.scan":         {"estimate", "tries"},
}

// marks are members that tell one unit of a product from another.
var marks = map[string][]string{
	"device.uptime":   {"boots"},
	"service.detail":  {"value"},
	"snmp.version":    {"engine"},
	"ssh.hostkey":     {"sha256"},
	"tls.certificate": {"sha256", "from", "until"},
}

// measured are members that follow from times; within a factor of two, and of
// small ones within two, they say the same: 0 seconds may be 1 the next time.
var measured = map[string][]string{
	"amplification":  {"percent", "received", "sent"},
	"signin.default": {"wait"},
	"signin.limit":   {"attempts", "guessesPerDay", "watched", "wait"},
}

// Lasting is the value without what must differ between two tests of one product:
// passing members, marks of the unit and measured numbers. The value is not changed.
func (f Fact) Lasting() any {
	return without(f.Value, slices.Concat(passing[f.Name], marks[f.Name], measured[f.Name]))
}

// Marks are the members of the value that tell units apart; empty for most facts.
func (f Fact) Marks() []any { return only(f.Value, marks[f.Name]) }

// Near reports whether the measured numbers of two facts say the same.
func (f Fact) Near(o Fact) bool {
	a, b := only(f.Value, measured[f.Name]), only(o.Value, measured[o.Name])
	return slices.EqualFunc(a, b, func(x, y any) bool {
		n, ok := x.(int64)
		k, ok2 := y.(int64)
		return ok == ok2 && (!ok || n <= 2*k+2 && k <= 2*n+2)
	})
}

func without(v any, names []string) any {
	if len(names) == 0 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			if !slices.Contains(names, k) {
				out[k] = without(e, names)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = without(e, names)
		}
		return out
	}
	return v
}

func only(v any, names []string) []any {
	if len(names) == 0 {
		return nil
	}
	var out []any
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if slices.Contains(names, k) {
				out = append(out, v[k])
			} else {
				out = append(out, only(v[k], names)...)
			}
		}
	case []any:
		for _, e := range v {
			out = append(out, only(e, names)...)
		}
	}
	return out
}
