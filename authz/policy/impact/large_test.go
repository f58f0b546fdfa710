package impact_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/internal/testneed"
)

// large returns n rules and as many g rows, over a hundred tenants and all. changes of the rows
// are other ones than without any.
func large(n, changes int) []string {
	rows := make([]string, 0, 2*n)
	step := n
	if changes > 0 {
		step = n / changes
	}
	for i := range n {
		role, granted := i%500, i%500
		if changes > 0 && i%step == i/step%4 { // rules of each form, and some g rows
			if i/step%5 == 4 {
				granted += 1000
			} else {
				role += 1000
			}
		}
		switch i % 4 {
		case 0:
			rows = append(rows, fmt.Sprintf("p, role:r%d, *, /api/v1/things%d/:id, GET, true, allow", role, i))
		case 1:
			rows = append(rows, fmt.Sprintf("p, role:r%d, t%d, kind%d, update, r.obj.owner == r.sub.id && r.env.time < %d, allow", role, i%100, i%50, i))
		case 2:
			rows = append(rows, fmt.Sprintf("p, role:r%d, t%d, kind%d:%d, read, true, allow", role, i%100, i%50, i))
		case 3:
			rows = append(rows, fmt.Sprintf("p, role:r%d, t%d, /tenant/%d/*, *, true, deny", role, i%100, i))
		}
		rows = append(rows, fmt.Sprintf("g, user:u%d, role:r%d, t%d", i, granted, i%100))
	}
	return rows
}

func largeAttributes() string {
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "kind%d, owner, string, no,\n", i)
	}
	return b.String()
}

// The work grows with what changed, and with the rules about it, and not with the square of the rules.
func TestTheWorkGrowsWithWhatChanged(t *testing.T) {
	took := func(n, changes int) (time.Duration, int) {
		before, after := load(t, files(large(n, 0), largeAttributes())), load(t, files(large(n, changes), largeAttributes()))
		best, cells := time.Hour, 0
		for range 2 {
			start := testneed.ProcessorTime(t)
			cells = len(diff(t, before, after))
			best = min(best, testneed.ProcessorTime(t)-start)
		}
		return best, cells
	}
	took(100, 1)
	few, n := took(2_000, 20)
	many, m := took(20_000, 20)
	t.Logf("2,000 rules: %v, %d cells; 20,000 rules: %v, %d cells", few, n, many, m)
	if n == 0 || m == 0 {
		t.Error("no change is found")
	}
	if many > 60*few {
		t.Errorf("2,000 rules take %v, 20,000 rules %v", few, many)
	}
}

// A thousand changed rows among a hundred thousand rules, with as many g rows, take less than a second of
// the processor.
func TestAThousandChangesOfAHundredThousandRulesTakeLessThanASecond(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("it loads four policies of a hundred thousand rules")
	}
	for _, changes := range []int{1, 50, 1000} {
		before, after := load(t, files(large(100_000, 0), largeAttributes())), load(t, files(large(100_000, changes), largeAttributes()))
		best, cells := time.Hour, 0
		for range 3 {
			start := testneed.ProcessorTime(t)
			cells = len(diff(t, before, after))
			best = min(best, testneed.ProcessorTime(t)-start)
		}
		t.Logf("%d changes: %v, %d cells", changes, best, cells)
		if best > time.Second || cells < changes {
			t.Errorf("%d changes: %v, %d cells", changes, best, cells)
		}
	}
}

// Two policies of a hundred thousand rules are read and compared in a second and a half of the processor,
// which on two of them is less than a second.
func TestTwoLargePoliciesAreReadAndComparedInTime(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("it is about time")
	}
	before := files(large(100_000, 0), largeAttributes())
	for _, changes := range []int{1, 50, 1000} {
		after, best := files(large(100_000, changes), largeAttributes()), time.Hour
		for range 3 {
			start := testneed.ProcessorTime(t)
			if cells := len(diff(t, load(t, before), load(t, after))); cells < changes {
				t.Fatalf("%d changes: %d cells", changes, cells)
			}
			best = min(best, testneed.ProcessorTime(t)-start)
		}
		t.Logf("%d changes: %v", changes, best)
		if best > 1500*time.Millisecond {
			t.Errorf("%d changes: %v", changes, best)
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	for _, changes := range []int{1, 50, 1000} {
		b.Run(fmt.Sprintf("rules=100000/changes=%d", changes), func(b *testing.B) {
			before, after := load(b, files(large(100_000, 0), largeAttributes())), load(b, files(large(100_000, changes), largeAttributes()))
			cells := 0
			for b.Loop() {
				cells = len(diff(b, before, after))
			}
			b.ReportMetric(float64(cells), "cells")
		})
	}
}

func BenchmarkNew(b *testing.B) {
	fsys := files(large(100_000, 0), largeAttributes())
	for b.Loop() {
		bundle, err := policy.ReadBundle(fsys)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := impact.New(bundle); err != nil {
			b.Fatal(err)
		}
	}
}
