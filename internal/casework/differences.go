package casework

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hoshi/internal/scheme"
)

// quiet are the fields that change by themselves and tell a reader nothing.
var quiet = []string{"application", "round", "product.version", "evaluation.version", "organisation.version", "form.declaredAt"}

// Differences compares two submissions field by field, in the order of the names.
// Answers are named by criterion and bundles by digest, so that one more of them
// does not shift the others.
func Differences(before, after *scheme.Snapshot) ([]Difference, error) {
	a, err := flat(before)
	if err != nil {
		return nil, err
	}
	b, err := flat(after)
	if err != nil {
		return nil, err
	}
	var names []string
	for n := range a {
		names = append(names, n)
	}
	for n := range b {
		if _, both := a[n]; !both {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, naturally)
	out := []Difference{}
	for _, n := range names {
		if a[n] != b[n] && !slices.Contains(quiet, n) {
			out = append(out, Difference{Field: n, Before: a[n], After: b[n]})
		}
	}
	return out, nil
}

// naturally orders "models[2]" before "models[10]".
func naturally(a, b string) int {
	for a != "" && b != "" {
		i, j := digits(a), digits(b)
		if i > 0 && j > 0 {
			x, _ := strconv.Atoi(a[:i])
			y, _ := strconv.Atoi(b[:j])
			if x != y {
				return x - y
			}
			a, b = a[i:], b[j:]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func digits(s string) int {
	n := 0
	for n < len(s) && n < 9 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

func flat(s *scheme.Snapshot) (map[string]string, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("casework.Differences: %w", err)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		return nil, fmt.Errorf("casework.Differences: %w", err)
	}
	out := map[string]string{}
	flatten(out, "", tree)
	return out, nil
}

func flatten(out map[string]string, at string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			flatten(out, strings.TrimPrefix(at+"."+k, "."), e)
		}
	case []any:
		var words []string
		for i, e := range v {
			m, isMap := e.(map[string]any)
			switch {
			case !isMap:
				words = append(words, fmt.Sprint(e))
			case at == "evaluation.answers":
				flatten(out, fmt.Sprint("answers.", m["criterion"]), e)
			case at == "evaluation.bundles":
				flatten(out, fmt.Sprint("evaluation.bundles.", m["digest"]), e)
			default:
				flatten(out, fmt.Sprintf("%s[%d]", at, i), e)
			}
		}
		if words != nil {
			out[at] = strings.Join(words, "\n")
		}
	case nil:
	default:
		out[at] = fmt.Sprint(v)
	}
}
