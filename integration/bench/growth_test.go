package bench

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
)

// grow measures how much longer a decision takes among 1,000,000 rules than among 1,000. Both
// are asked in turn, in slices of 1024 calls, so that what else the machine does meets both.
func (t *table) grow(b *testing.B) {
	small, large := population{1_000, exact}, population{1_000_000, exact}
	rows := map[string][]string{}
	for _, p := range peers[:2] {
		b.Run("1,000 and 1,000,000 rules in turn/"+p.name, func(b *testing.B) {
			few, many := p.make(b, small), p.make(b, large)
			for _, answer := range answers {
				among := []struct {
					decide decider
					asked  []query
					each   []float64
				}{{decide: few, asked: small.queries(answer == "allowed")}, {decide: many, asked: large.queries(answer == "allowed")}}
				runtime.GC()
				for slice := range 2 * asked / 1024 { // each question twice
					for i := range among {
						a := &among[i]
						begin := time.Now()
						for k := range 1024 {
							q := &a.asked[(slice*1024+k)%asked]
							if a.decide(q) != q.allowed {
								b.Fatalf("%+v: the other answer", *q)
							}
						}
						a.each = append(a.each, float64(time.Since(begin))/1024)
					}
				}
				for i := range among {
					slices.Sort(among[i].each)
				}
				at := func(i, of, part int) float64 { return among[i].each[len(among[i].each)*part/of] }
				decile, median := at(1, 10, 1)/at(0, 10, 1), at(1, 2, 1)/at(0, 2, 1)
				b.ReportMetric(decile, "×"+answer)
				b.ReportMetric(median, "×"+answer+"-median")
				rows[answer] = append(rows[answer], fmt.Sprintf("%.2f ×, by medians %.2f ×", decile, median))
			}
			for b.Loop() {
			}
		})
	}
	for _, answer := range answers {
		t.row(append(append([]string{"1,000 → 1,000,000 rules, asked in turn, " + answer}, rows[answer]...), "", "", "")...)
	}
}
