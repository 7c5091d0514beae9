package label

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"hoshi/internal/fault"
	"hoshi/internal/i18n"
)

// PNG renders the artwork at scale pixels a unit (1 to 16; 3 gives 1200 × 588) with
// English words. The font that comes with the binary has no Japanese: a name that
// it cannot draw is refused (fault.Invalid), never drawn as boxes.
func (a Artwork) PNG(scale int) ([]byte, error) {
	p, err := a.plan()
	if err != nil {
		return nil, err
	}
	if scale < 1 || scale > 16 {
		return nil, fault.New(fault.Invalid, "label.PNG", "label.scale", "scale", scale)
	}
	c := canvas{scale: float64(scale), img: image.NewRGBA(image.Rect(0, 0, int(artWidth)*scale, int(artHeight)*scale))}
	draw.Draw(c.img, c.img.Bounds(), image.White, image.Point{}, draw.Src)
	c.frame()
	for y, row := range p.qr.Black {
		for x, black := range row {
			if black {
				c.rect(p.qrAt.x+float64(x)*artModule, p.qrAt.y+float64(y)*artModule, artModule)
			}
		}
	}
	for _, s := range p.filled {
		c.polygon(s)
	}
	for _, s := range p.open {
		// An outline is the star with a smaller star cut out, which runs the other way.
		centre := point{}
		for _, q := range s {
			centre.x, centre.y = centre.x+q.x/float64(len(s)), centre.y+q.y/float64(len(s))
		}
		hole := make([]point, len(s))
		for i, q := range s {
			hole[len(s)-1-i] = point{centre.x + (q.x-centre.x)*0.8, centre.y + (q.y-centre.y)*0.8}
		}
		c.polygon(s, hole)
	}
	for _, t := range []struct {
		y, size float64
		font    []byte
		words   string
	}{
		{38, 20, gobold.TTF, a.Scheme.EN},
		{60, 13, goregular.TTF, i18n.EN.T("label.art.caption")},
		{132, 17, gobold.TTF, a.Level.EN},
		{166, 20, gomonobold.TTF, a.ID.Grouped()},
		{182, 10, goregular.TTF, i18n.EN.T("label.art.sample")},
	} {
		if err := c.text(t.y, t.size, t.font, t.words); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, c.img); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

type canvas struct {
	img   *image.RGBA
	scale float64
}

var ink = image.NewUniform(color.RGBA{0x0b, 0x3d, 0x45, 0xff})

func (c canvas) rect(x, y, side float64) {
	r := image.Rect(int(math.Round(x*c.scale)), int(math.Round(y*c.scale)), int(math.Round((x+side)*c.scale)), int(math.Round((y+side)*c.scale)))
	draw.Draw(c.img, r, image.Black, image.Point{}, draw.Src)
}

func (c canvas) polygon(rings ...[]point) {
	b := c.img.Bounds()
	r := vector.NewRasterizer(b.Dx(), b.Dy())
	for _, ps := range rings {
		for i, p := range ps {
			x, y := float32(p.x*c.scale), float32(p.y*c.scale)
			if i == 0 {
				r.MoveTo(x, y)
			} else {
				r.LineTo(x, y)
			}
		}
		r.ClosePath()
	}
	r.Draw(c.img, b, ink, image.Point{})
}

// frame draws the rounded border as a ring of two outlines.
func (c canvas) frame() {
	outer, inner := rounded(1.5, 15.5), rounded(4.5, 12.5)
	for i, j := 0, len(inner)-1; i < j; i, j = i+1, j-1 {
		inner[i], inner[j] = inner[j], inner[i]
	}
	c.polygon(outer, inner)
}

func rounded(inset, radius float64) []point {
	var out []point
	for _, corner := range []struct{ x, y, from float64 }{
		{artWidth - inset - radius, inset + radius, -90}, {artWidth - inset - radius, artHeight - inset - radius, 0},
		{inset + radius, artHeight - inset - radius, 90}, {inset + radius, inset + radius, 180},
	} {
		for d := 0.0; d <= 90; d += 6 {
			a := (corner.from + d) * math.Pi / 180
			out = append(out, point{corner.x + radius*math.Cos(a), corner.y + radius*math.Sin(a)})
		}
	}
	return out
}

func (c canvas) text(y, size float64, ttf []byte, words string) error {
	f, err := opentype.Parse(ttf)
	if err != nil {
		return err
	}
	var buf sfnt.Buffer
	for _, r := range words {
		if g, err := f.GlyphIndex(&buf, r); err != nil || g == 0 {
			return fault.New(fault.Invalid, "label.PNG", "label.art.glyph", "words", words, "symbol", string(r))
		}
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size * c.scale, DPI: 72})
	if err != nil {
		return err
	}
	defer func() { face.Close() }()
	if w := float64(font.MeasureString(face, words)) / 64 / c.scale; w > artRoom {
		small, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size * c.scale * artRoom / w, DPI: 72})
		if err != nil {
			return err
		}
		face.Close()
		face = small
	}
	d := font.Drawer{Dst: c.img, Src: ink, Face: face, Dot: fixed.Point26_6{X: fixed.Int26_6(artText * c.scale * 64), Y: fixed.Int26_6(y * c.scale * 64)}}
	d.DrawString(words)
	return nil
}
