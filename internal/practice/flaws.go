// Package practice makes devices to practise on: a network camera, a home router
// and a small sensor in Go that are well made unless their flaws are switched on
// one by one, so that people, demos and tests have something real to assess.
//
// flaws.yaml says which flaw breaks which criterion; tests hold the devices to
// it. Start with [Start] for a device and [Assess] for a whole run, which gives
// the device a network namespace of its own where the system allows it.
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

// The makes of practice devices.
const (
	MakeCamera  = "camera"
	MakeGateway = "gateway"
	MakeSensor  = "sensor"
)

// Makes lists all makes.
var Makes = []string{MakeCamera, MakeGateway, MakeSensor}

// CheckMake refuses makes that there are not.
func CheckMake(device string) error {
	if !slices.Contains(Makes, device) {
		return fault.New(fault.Invalid, "practice.CheckMake", "practice.make", "make", device, "known", strings.Join(Makes, ", "))
	}
	return nil
}

// Flaw is one switch of a device.
type Flaw struct {
	Make      string `yaml:"make"`
	ID        string `yaml:"id"`
	Where     string `yaml:"where"`     // "device" or "declaration"
	Criterion string `yaml:"criterion"` // the one that it flips to "does not conform"
	Fact      string `yaml:"fact"`      // that shows it
	Alone     bool   `yaml:"alone"`     // shows only where the device has a network of its own
	JA        string `yaml:"ja"`
	EN        string `yaml:"en"`
}

// Text says what the flaw is.
func (f Flaw) Text() i18n.Text { return i18n.Text{JA: f.JA, EN: f.EN} }

// Flaws lists the flaws of a make in the order of the table, "" = of all.
func Flaws(device string) []Flaw {
	var t struct {
		Flaws []Flaw `yaml:"flaws"`
	}
	if err := yaml.Unmarshal(flawTable, &t); err != nil {
		panic("practice: flaws.yaml: " + err.Error()) // part of the program
	}
	return slices.DeleteFunc(t.Flaws, func(f Flaw) bool { return device != "" && f.Make != device })
}

// ParseFlaws reads a comma-separated list of flaws of a make; "" is none and
// "all" is every flaw.
func ParseFlaws(device, s string) ([]string, error) {
	var ids, out []string
	for _, f := range Flaws(device) {
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
