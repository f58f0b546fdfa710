package impact

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// Lines that are said to be common are the same in both files, each of one in the other, in order.
func TestCommonLinesAreTheSameOnes(t *testing.T) {
	common := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 7))
		var a []string
		for range r.IntN(60) {
			a = append(a, strconv.Itoa(r.IntN(40)))
		}
		b := slices.Clone(a)
		for range r.IntN(6) {
			i := r.IntN(len(b) + 1)
			switch r.IntN(4) {
			case 0:
				b = slices.Insert(b, i, strconv.Itoa(r.IntN(40)))
			case 1:
				b = slices.Delete(b, min(i, len(b)), min(i+r.IntN(30), len(b)))
			case 2:
				b = append(b[i:len(b):len(b)], b[:i]...)
			default:
				if i < len(b) {
					b[i] = "x"
				}
			}
		}
		inA, inB := compareLines(a, b)
		pick := func(list []string, in []bool) (all []string) {
			for i, s := range list {
				if (lines{"f": in}).has("f", i+1) {
					all = append(all, s)
				}
			}
			return all
		}
		if x, y := pick(a, inA), pick(b, inB); !slices.Equal(x, y) {
			t.Fatalf("seed %d: %v of %v, %v of %v", seed, x, a, y, b)
		} else {
			common += len(x)
		}
		if slices.Equal(a, b) && len(pick(a, inA)) != len(a) {
			t.Fatalf("seed %d: not all of %v", seed, a)
		}
	}
	if common < 20_000 {
		t.Errorf("%d lines are common", common)
	}
	if l := (lines{}); l.has("other", 1) {
		t.Error("a line of another file")
	}
}
