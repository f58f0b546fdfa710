//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// mostLoss is the part of a ratio that may be lost before a check fails.
const mostLoss = 0.25

// table has the measurements, in their order.
type table struct{ all []measured }

func (t *table) add(m measured) { t.all = append(t.all, m) }

// row names what the rounds of a chain have in common.
type row struct {
	chain                 string
	tenants, conns, procs int
}

func (r row) String() string {
	return fmt.Sprintf("%s, %d rules, %d connections, %d processors", r.chain, 100*r.tenants, r.conns, r.procs)
}

func rowOf(m measured) row { return row{m.Chain, m.Tenants, m.Conns, m.Procs} }

// rows are the rows in the order in which they were measured first.
func (t *table) rows() []row {
	var rows []row
	for _, m := range t.all {
		if !slices.Contains(rows, rowOf(m)) {
			rows = append(rows, rowOf(m))
		}
	}
	return rows
}

// rounds are the measurements of a row.
func (t *table) rounds(r row) []measured {
	var rounds []measured
	for _, m := range t.all {
		if rowOf(m) == r {
			rounds = append(rounds, m)
		}
	}
	return rounds
}

// ofEcho returns the requests in a second of a row as parts of Echo's alone in the same round, and
// the p99 and the processor time of a request as multiples of it.
func (t *table) ofEcho(r row) (perSecond, p99, cpu []float64) {
	alone := r
	alone.chain = "echo"
	for _, m := range t.rounds(r) {
		for _, e := range t.rounds(alone) {
			if e.Round == m.Round && e.PerSecond > 0 && e.P99 > 0 {
				perSecond = append(perSecond, m.PerSecond/e.PerSecond)
				p99 = append(p99, float64(m.P99)/float64(e.P99))
			}
			if e.Round == m.Round && e.CPU > 0 {
				cpu = append(cpu, float64(m.CPU)/float64(e.CPU))
			}
		}
	}
	return perSecond, p99, cpu
}

// ratios are the medians of how many requests each chain serves in the processor time in which Echo
// alone serves one, by the names of the rows. Where that is not known they are of the requests in a
// second, which other work on the machine changes.
func (t *table) ratios() map[string]float64 {
	all := map[string]float64{}
	for _, r := range t.rows() {
		perSecond, _, cpu := t.ofEcho(r)
		switch {
		case r.chain == "echo":
		case len(cpu) > 0:
			all[r.String()] = 1 / median(cpu)
		case len(perSecond) > 0:
			all[r.String()] = median(perSecond)
		}
	}
	return all
}

// markdown is the table as docs print it. A spread over 2 % is said beside the median.
func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString("| chain | rules | connections | processors | requests/s | CoV | of Echo alone | p50 | p99 | of Echo's | CPU | of Echo's |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, r := range t.rows() {
		rounds := t.rounds(r)
		var perSecond, p50, p99, cpu []float64
		for _, m := range rounds {
			perSecond, p50, p99, cpu = append(perSecond, m.PerSecond), append(p50, float64(m.P50)), append(p99, float64(m.P99)), append(cpu, float64(m.CPU))
		}
		ratios, late, work := t.ofEcho(r)
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %.0f | %.0f %% | %s | %v | %v | %s | %.1f µs | %s |\n", r.chain, 100*r.tenants, r.conns, r.procs,
			median(perSecond), 100*spread(perSecond), of(ratios, "%.3f"), brief(median(p50)), brief(median(p99)), of(late, "%.2f ×"), median(cpu)/1e3, of(work, "%.2f ×"))
	}
	return b.String()
}

func of(ratios []float64, format string) string {
	if len(ratios) == 0 {
		return ""
	}
	return fmt.Sprintf(format, median(ratios))
}

func brief(ns float64) time.Duration { return time.Duration(ns).Round(10 * time.Microsecond) }

// svg is a picture of the requests in a second, a bar to a row.
func (t *table) svg() string {
	const height, left, width = 22, 330, 420
	rows, most := t.rows(), 1.0
	for _, m := range t.all {
		most = max(most, m.PerSecond)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"12\">\n", left+width+90, height*len(rows)+8)
	for i, r := range rows {
		var perSecond []float64
		for _, m := range t.rounds(r) {
			perSecond = append(perSecond, m.PerSecond)
		}
		fill := "#8894a8"
		if r.chain == "reeve" {
			fill = "#1f6feb"
		}
		y, n := i*height+4, median(perSecond)
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s, %d rules, %d conns</text>", left-8, y+14, r.chain, 100*r.tenants, r.conns)
		fmt.Fprintf(&b, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", left, y, width*n/most, height-6, fill)
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\">%.0f/s</text>\n", left+width*n/most+6, y+14, n)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// spread is the coefficient of variation.
func spread(values []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, v := range values {
		sum += v
	}
	mean := sum / float64(len(values))
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	if mean == 0 || len(values) < 2 {
		return 0
	}
	return math.Sqrt(squares/float64(len(values)-1)) / mean
}

func writeRatios(file string, ratios map[string]float64) error {
	text, err := json.MarshalIndent(ratios, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// checkRatios compares ratios with those of a file.
func checkRatios(file string, now map[string]float64) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var before map[string]float64
	if err := json.Unmarshal(text, &before); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return compare(before, now)
}

// compare returns an error for each row of Reeve's that has lost more than a quarter, that is not
// measured any more, and where nothing is compared at all.
func compare(before, now map[string]float64) error {
	var errs []error
	compared := 0
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if !strings.HasPrefix(name, "reeve") {
			continue
		}
		compared++
		switch n, measured := now[name]; {
		case !measured:
			errs = append(errs, fmt.Errorf("%s: was %.3f of Echo alone, and is not measured", name, before[name]))
		case !(n >= before[name]*(1-mostLoss)):
			errs = append(errs, fmt.Errorf("%s: %.3f of Echo alone, was %.3f", name, n, before[name]))
		}
	}
	if compared == 0 {
		errs = append(errs, errors.New("no ratio of Reeve's to compare with"))
	}
	return errors.Join(errs...)
}
