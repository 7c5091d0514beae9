// Package practice makes devices to practise on: a network camera in Go that is
// well made unless its flaws are switched on one by one, so that people, demos
// and tests have something real to assess.
//
// flaws.yaml says which flaw breaks which criterion; tests hold the camera to
// it. Start with [Start] for the device and [Assess] for a whole run, which
// gives the device a network namespace of its own where the system allows it.
package practice

import (
	_ "embed"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

//go:embed flaws.yaml
var flawTable []byte

// Flaw is one switch of the camera.
type Flaw struct {
	ID        string `yaml:"id"`
	Where     string `yaml:"where"`     // "device" or "declaration"
	Criterion string `yaml:"criterion"` // the one that it flips to "does not conform"
	JA        string `yaml:"ja"`
	EN        string `yaml:"en"`
}

// Text says what the flaw is.
func (f Flaw) Text() i18n.Text { return i18n.Text{JA: f.JA, EN: f.EN} }

// Flaws lists all flaws in the order of the table.
func Flaws() []Flaw {
	var t struct {
		Device string `yaml:"device"`
		Flaws  []Flaw `yaml:"flaws"`
	}
	if err := yaml.Unmarshal(flawTable, &t); err != nil {
		panic("practice: flaws.yaml: " + err.Error()) // part of the program
	}
	return t.Flaws
}

// ParseFlaws reads a comma-separated list; "" is none and "all" is every flaw.
func ParseFlaws(s string) ([]string, error) {
	var ids, out []string
	for _, f := range Flaws() {
		ids = append(ids, f.ID)
	}
	if s == "all" {
		return ids, nil
	}
	for id := range strings.SplitSeq(s, ",") {
		if id = strings.TrimSpace(id); id == "" {
			continue
		}
		if !slices.Contains(ids, id) {
			return nil, fault.New(fault.Invalid, "practice.ParseFlaws", "practice.flaw", "flaw", id, "known", strings.Join(ids, ", "))
		}
		out = append(out, id)
	}
	return out, nil
}
