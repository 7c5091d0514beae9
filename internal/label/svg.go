package label

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"hoshi/internal/i18n"
)

// SVG renders the artwork with words in the language, as text that stays text.
func (a Artwork) SVG(l i18n.Lang) ([]byte, error) {
	p, err := a.plan()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img" lang="%s">`+"\n",
		artWidth, artHeight, artWidth, artHeight, l)
	fmt.Fprintf(&b, "<title>%s</title>\n", escape(l.T("label.art.title", "scheme", a.Scheme.In(l), "level", a.Level.In(l), "id", a.ID.Grouped())))
	fmt.Fprintf(&b, `<rect width="%g" height="%g" fill="%s"/>`+"\n", artWidth, artHeight, artPaper)
	fmt.Fprintf(&b, `<rect x="3" y="3" width="%g" height="%g" rx="14" fill="none" stroke="%s" stroke-width="3"/>`+"\n", artWidth-6, artHeight-6, artInk)

	fmt.Fprintf(&b, `<path fill="#000" shape-rendering="crispEdges" d="`)
	for y, row := range p.qr.Black {
		for x := 0; x < len(row); x++ {
			n := 0
			for x+n < len(row) && row[x+n] {
				n++
			}
			if n > 0 {
				fmt.Fprintf(&b, "M%g %gh%gv%gh-%gz", p.qrAt.x+float64(x)*artModule, p.qrAt.y+float64(y)*artModule,
					float64(n)*artModule, artModule, float64(n)*artModule)
				x += n
			}
		}
	}
	b.WriteString("\"/>\n")

	for _, s := range p.filled {
		fmt.Fprintf(&b, `<polygon points="%s" fill="%s"/>`+"\n", points(s), artInk)
	}
	for _, s := range p.open {
		fmt.Fprintf(&b, `<polygon points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", points(s), artInk)
	}
	text := func(y, size float64, weight, family, words string) {
		fmt.Fprintf(&b, `<text x="%g" y="%g" font-family="%s" font-size="%.1f" font-weight="%s" fill="%s">%s</text>`+"\n",
			artText, y, family, fit(words, size), weight, artInk, escape(words))
	}
	const sans = "'Noto Sans JP','Noto Sans CJK JP',sans-serif"
	text(38, 20, "700", sans, a.Scheme.In(l))
	text(60, 13, "400", sans, l.T("label.art.caption"))
	text(132, 17, "700", sans, a.Level.In(l))
	text(166, 20, "700", "'Noto Sans Mono',monospace", a.ID.Grouped())
	text(182, 10, "400", sans, l.T("label.art.sample"))
	b.WriteString("</svg>\n")
	return b.Bytes(), nil
}

// fit shrinks a size so that the words stay in their room, wide ones counted as such.
func fit(words string, size float64) float64 {
	w := 0.0
	for _, r := range words {
		if r < 0x80 {
			w += 0.62
		} else {
			w++
		}
	}
	if w*size > artRoom {
		return artRoom / w
	}
	return size
}

func points(ps []point) string {
	var s []string
	for _, p := range ps {
		s = append(s, fmt.Sprintf("%.2f,%.2f", p.x, p.y))
	}
	return strings.Join(s, " ")
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s))
	return b.String()
}
