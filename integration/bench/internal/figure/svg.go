package figure

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// colors are of lines and bars in turn; the first is Reeve's.
var colors = [...]string{"#1f6feb", "#8894a8", "#b35900", "#6f42c1", "#2da44e", "#cf222e"}

// Bar is one bar of a picture.
type Bar struct {
	Label, Text string // beside the bar, and after it
	Value       float64
	Ours        bool
}

// Bars is a picture of bars on a scale by powers of ten, for values that differ by thousands.
func Bars(title string, bars []Bar) string {
	const height, left, width, top = 22, 230, 420, 28
	least, most := math.Inf(1), 0.0
	for _, b := range bars {
		if b.Value > 0 {
			least, most = min(least, b.Value), max(most, b.Value)
		}
	}
	var s strings.Builder
	begin(&s, left+width+110, top+height*len(bars)+8)
	fmt.Fprintf(&s, "<text x=\"%d\" y=\"18\">%s</text>\n", left, html.EscapeString(title))
	for i, b := range bars {
		fill := colors[1]
		if b.Ours {
			fill = colors[0]
		}
		// The shortest bar has a twentieth of the width, since a scale of powers has no zero.
		part := 0.05 + 0.95*position(b.Value, least, most)
		y := top + i*height
		fmt.Fprintf(&s, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", left-8, y+14, html.EscapeString(b.Label))
		fmt.Fprintf(&s, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", left, y, width*part, height-6, fill)
		fmt.Fprintf(&s, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", left+width*part+6, y+14, html.EscapeString(b.Text))
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// Point is one measurement of a curve.
type Point struct{ X, Y float64 }

// Curve is a line of points.
type Curve struct {
	Name   string
	Points []Point
}

// Chart is a picture of curves, both axes by powers of ten.
type Chart struct {
	Title, X string
	Format   func(y float64) string
	Curves   []Curve
}

// Charts is a picture of charts, two beside each other.
func Charts(charts []Chart) string {
	const width, height = 430, 260
	var s strings.Builder
	begin(&s, 2*width, height*((len(charts)+1)/2))
	for i, c := range charts {
		fmt.Fprintf(&s, "<g transform=\"translate(%d %d)\">\n", i%2*width, i/2*height)
		c.draw(&s, width, height)
		s.WriteString("</g>\n")
	}
	s.WriteString("</svg>\n")
	return s.String()
}

func (c Chart) draw(s *strings.Builder, width, height float64) {
	const left, right, top, bottom = 70, 20, 30, 58
	x0, x1, y0, y1 := math.Inf(1), 0.0, math.Inf(1), 0.0
	for _, curve := range c.Curves {
		for _, p := range curve.Points {
			x0, x1, y0, y1 = min(x0, p.X), max(x1, p.X), min(y0, p.Y), max(y1, p.Y)
		}
	}
	// A flat curve looks flat: the axis spans three powers of ten at least.
	middle := math.Sqrt(y0 * y1)
	y0, y1 = min(y0, middle/32), max(y1, middle*32)
	at := func(p Point) (x, y float64) {
		return left + (width-left-right)*position(p.X, x0, x1), height - bottom - (height-bottom-top)*position(p.Y, y0, y1)
	}
	fmt.Fprintf(s, "<text x=\"%d\" y=\"18\">%s</text>\n", left, html.EscapeString(c.Title))
	fmt.Fprintf(s, "<path d=\"M%d %dV%.0fH%.0f\" fill=\"none\" stroke=\"#444\"/>\n", left, top, height-bottom, width-right)
	for power := math.Ceil(math.Log10(y0)); power <= math.Log10(y1); power++ {
		_, y := at(Point{x0, math.Pow(10, power)})
		fmt.Fprintf(s, "<path d=\"M%d %.1fH%.0f\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left, y, width-right, left-6, y+4, html.EscapeString(c.Format(math.Pow(10, power))))
	}
	marked := map[float64]bool{}
	for i, curve := range c.Curves {
		color := colors[i%len(colors)]
		var path strings.Builder
		for k, p := range curve.Points {
			x, y := at(p)
			fmt.Fprintf(&path, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[k == 0], x, y)
			fmt.Fprintf(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>", x, y, color)
			if !marked[p.X] {
				marked[p.X] = true
				fmt.Fprintf(s, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%s</text>", x, height-bottom+15, brief(p.X))
			}
		}
		fmt.Fprintf(s, "<path d=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path.String(), color)
		fmt.Fprintf(s, "<text x=\"%.0f\" y=\"%.0f\" fill=\"%s\">%s</text>\n", left+float64(i%2)*(width-left)/2, height-bottom+30+13*float64(i/2), color, html.EscapeString(curve.Name))
	}
	fmt.Fprintf(s, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"end\">%s</text>\n", width-right, top-12.0, html.EscapeString(c.X))
}

// position is where a value is between two others, 0 to 1, by powers of ten.
func position(v, least, most float64) float64 {
	if v <= 0 || !(most > least) {
		return 0
	}
	return (math.Log(v) - math.Log(least)) / (math.Log(most) - math.Log(least))
}

// brief writes 100000 as 100k.
func brief(x float64) string {
	switch {
	case x >= 1e6:
		return fmt.Sprintf("%gM", x/1e6)
	case x >= 1e3:
		return fmt.Sprintf("%gk", x/1e3)
	}
	return fmt.Sprintf("%g", x)
}

func begin(s *strings.Builder, width, height int) {
	fmt.Fprintf(s, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", width, height)
}
