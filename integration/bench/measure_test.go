package bench

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cost is the time of one call, and its allocations. The time is the lower decile over slices
// of the run of 1024 calls: what a decision costs when other programs leave the machine alone.
// Of calls that take long it is the median, since they differ by what is asked.
type cost struct{ ns, allocs float64 }

// measure calls ask with 0, 1, 2 … for as long as the benchmark runs.
func measure(b *testing.B, ask func(i int)) cost {
	begin := time.Now()
	ask(0)
	per := 1 // calls to a slice
	if time.Since(begin) < 50*time.Microsecond {
		per = 1024
	}
	ask(1)
	c := cost{allocs: testing.AllocsPerRun(10, func() { ask(2) })}
	var each []float64
	i := 0
	b.ReportAllocs()
	from := time.Now()
	for b.Loop() {
		ask(i)
		if i++; i%per == 0 {
			now := time.Now()
			each = append(each, float64(now.Sub(from))/float64(per))
			from = now
		}
	}
	if len(each) == 0 {
		each = append(each, float64(b.Elapsed())/float64(b.N))
	}
	slices.Sort(each)
	c.ns = each[len(each)/2]
	if per > 1 {
		c.ns = each[len(each)/10]
	}
	b.ReportMetric(c.ns, "quiet-ns")
	b.ReportMetric(each[len(each)/2], "median-ns")
	return c
}

// farLoad is the time of a load from memory that no cache has and that the next load waits
// for: what a decision pays at least once, when the policy is larger than the caches.
func farLoad(b *testing.B) float64 {
	const lines = 64 << 20 / 64
	next := make([][8]uint64, lines)
	order := rand.New(rand.NewPCG(1, 3)).Perm(lines)
	for i, at := range order {
		next[at][0] = uint64(order[(i+1)%lines])
	}
	at := uint64(0)
	c := measure(b, func(int) { at = next[at][0] })
	runtime.KeepAlive(at)
	return c.ns
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heap is the memory in use.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// table is rows of Markdown, printed when all is measured.
type table struct{ lines []string }

func (t *table) row(cells ...string) {
	t.lines = append(t.lines, "| "+strings.Join(cells, " | ")+" |")
}

func (t *table) print() { fmt.Println("\n" + strings.Join(t.lines, "\n") + "\n") }

// short writes a time as people read it.
func short(ns float64) string {
	switch {
	case ns == 0:
		return ""
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	}
	return fmt.Sprintf("%.0f ms", ns/1e6)
}

// thousands writes a number as people read it.
func thousands(n int) string {
	if n >= 1_000_000 {
		return fmt.Sprintf("%d,%03d,%03d", n/1_000_000, n/1_000%1_000, n%1_000)
	}
	return fmt.Sprintf("%d,%03d", n/1_000, n%1_000)
}

// times writes a time as a multiple of another.
func times(ns, base float64) string {
	if ns == 0 || base == 0 {
		return ""
	}
	ratio := ns / base
	switch {
	case ratio < 10:
		return fmt.Sprintf("%.2f ×", ratio)
	case ratio < 1_000:
		return fmt.Sprintf("%.0f ×", ratio)
	}
	return thousands(int(ratio/100+0.5)*100) + " ×"
}

// report reports the cost as a multiple of the first caller's.
func report(b *testing.B, base *float64) {
	cost := float64(b.Elapsed()) / float64(b.N)
	if *base == 0 {
		*base = cost
		return
	}
	b.ReportMetric(cost / *base, "×reeve")
}
