package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hoshi/internal/fact"
	"hoshi/internal/i18n"
	"hoshi/internal/probe"
	"hoshi/internal/probe/sweep"
)

// state is how a port ended.
type state byte

const (
	undecided state = iota // the zero value: what no record settles is undecided
	open
	closed
	filtered
	states
)

var stateNames = [states]string{"undecided", "open", "closed", "filtered"}

const (
	last    = 65535
	side    = 256 // the map is a square of 256 × 256 ports
	zoomed  = 1024
	zoomRow = 64
)

// portMap is one transport's picture: every port a dot, and the counts.
type portMap struct {
	Proto   string // "TCP"
	Counts  [states]int
	Asked   int
	Picture template.HTML
	Zoom    template.HTML
}

// Count returns how many ports ended in a state, for the template.
func (m *portMap) Count(name string) int { return m.Counts[slices.Index(stateNames[:], name)] }

// portRow is one line of the table of ports: what was seen and what was declared.
type portRow struct {
	Port, Protocol, Software string
	TLS, Declared            bool
	Service, Reason          string
}

// mapPorts reads the states of all ports out of a transcript. Open comes from the
// facts, so that the picture and the verdicts cannot differ.
func mapPorts(proto string, l i18n.Lang, records []probe.Record, facts fact.Set) *portMap {
	if len(records) == 0 {
		return nil
	}
	var st [last + 1]state
	if e, ok := sweep.Read(records, proto); ok {
		for p := 1; p <= last; p++ {
			switch x := e.Ports[p]; {
			case x.Settled && x.Answer == sweep.Closed:
				st[p] = closed
			case x.Settled && (x.Answer == sweep.Filtered || x.Answer == sweep.Silent && proto == "tcp"):
				st[p] = filtered
			}
		}
	}
	var up []int
	for _, f := range facts.Named(proto + ".open") {
		if p := probe.PortNumber(f.Subject); p > 0 && f.Origin == fact.Observed {
			st[p] = open
			up = append(up, p)
		}
	}
	m := &portMap{Proto: strings.ToUpper(proto), Asked: last}
	for p := 1; p <= last; p++ {
		m.Counts[st[p]]++
	}
	label := l.T("report.map.alt", "proto", m.Proto, "open", number(m.Counts[open]), "closed", number(m.Counts[closed]),
		"filtered", number(m.Counts[filtered]), "undecided", number(m.Counts[undecided]))
	m.Picture = dots(label, st[:], side, 2, up)
	m.Zoom = dots(l.T("report.map.alt-zoom", "proto", m.Proto), st[:zoomed], zoomRow, 8, up)
	return m
}

var colours = color.Palette{
	undecided: color.RGBA{0xff, 0xb3, 0x00, 0xff}, open: color.RGBA{0xa6, 0x00, 0x00, 0xff},
	closed: color.RGBA{0xd8, 0xe0, 0xea, 0xff}, filtered: color.RGBA{0x6c, 0x7a, 0x8f, 0xff},
}

// dots draws ports in rows: an image of one pixel each, and a ring on each open one.
func dots(label string, st []state, columns, scale int, up []int) template.HTML {
	rows := (len(st) + columns - 1) / columns
	img := image.NewPaletted(image.Rect(0, 0, columns, rows), colours)
	for p := 1; p < len(st); p++ {
		img.SetColorIndex(p%columns, p/columns, uint8(st[p]))
	}
	img.SetColorIndex(0, 0, uint8(closed)) // port 0 does not exist
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return ""
	}
	const left, top = 56, 8
	w, h := columns*scale, rows*scale
	var s strings.Builder
	fmt.Fprintf(&s, `<svg class="map" role="img" viewBox="0 0 %d %d" aria-label="%s">`, w+left+6, h+2*top, template.HTMLEscapeString(label))
	fmt.Fprintf(&s, `<image x="%d" y="%d" width="%d" height="%d" preserveAspectRatio="none" href="data:image/png;base64,%s"/>`,
		left, top, w, h, base64.StdEncoding.EncodeToString(b.Bytes()))
	for i := 0; i <= 4; i++ {
		p := len(st) * i / 4
		if p > last {
			p = last
		}
		fmt.Fprintf(&s, `<text x="%d" y="%d" text-anchor="end">%d</text>`, left-5, top+h*i/4+4, p)
	}
	for _, p := range up {
		if p < len(st) {
			fmt.Fprintf(&s, `<circle cx="%s" cy="%s" r="5"><title>%d</title></circle>`, half(left, p%columns, scale), half(top, p/columns, scale), p)
		}
	}
	s.WriteString(`</svg>`)
	return template.HTML(s.String())
}

// half is the middle of a cell.
func half(from, cell, scale int) string {
	return strconv.FormatFloat(float64(from)+(float64(cell)+.5)*float64(scale), 'f', -1, 64)
}

// ports fills the maps and the table of ports.
func (p *page) ports(facts fact.Set, transcripts map[string][]probe.Record) {
	for _, proto := range []string{"tcp", "udp"} {
		if m := mapPorts(proto, p.Lang, transcripts[proto], facts); m != nil {
			p.Maps = append(p.Maps, m)
		}
	}
	rows := map[string]portRow{}
	for _, name := range []string{"tcp.open", "udp.open"} {
		for _, f := range facts.Named(name) {
			rows[f.Subject] = portRow{Port: f.Subject, Protocol: probe.Str(f.Value, "service")}
		}
	}
	for _, f := range facts.Named("service.protocol") {
		if r, ok := rows[f.Subject]; ok {
			r.Protocol, r.Software, r.TLS = probe.Str(f.Value, "protocol"), probe.Str(f.Value, "software"), probe.Bool(f.Value, "tls")
			rows[f.Subject] = r
		}
	}
	for _, f := range facts.Named("declared.port") {
		r, ok := rows[f.Subject]
		if !ok {
			p.Absent = append(p.Absent, f.Subject)
			continue
		}
		r.Declared, r.Service, r.Reason = true, probe.Str(f.Value, "service"), probe.Str(f.Value, "reason")
		rows[f.Subject] = r
	}
	for _, k := range slices.SortedFunc(maps.Keys(rows), fact.Compare) {
		p.Ports = append(p.Ports, rows[k])
	}
}

// portTitle writes "tcp/443" as people write it.
func portTitle(s string) string {
	if n := probe.PortNumber(s); n > 0 {
		return strings.ToUpper(s[:3]) + " " + strconv.Itoa(n)
	}
	return s
}
