package lookup

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

// Keys are close to each other, so that many differ in one bit, and their hashes may be those
// of others: the values alone decide.
func TestGroupsFindWhatAMapFinds(t *testing.T) {
	for name, c := range map[string]struct {
		mask uint32 // of values
		hash uint64 // mask of hashes
	}{
		"small values":                     {0x7, ^uint64(0)},
		"values of many bits":              {0xc0000003, ^uint64(0)},
		"all on few lines":                 {0x7, 3 << 62},
		"all on one line":                  {0x3, 0},
		"values of many bits, on few":      {0xc0000003, 1 << 63},
		"as many bits as a slot has room":  {0x7fff, ^uint64(0)},
		"one bit more than there is room":  {0xffff, ^uint64(0)},
		"one value, and so no bits at all": {0, ^uint64(0)},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(7, uint64(c.mask)))
			key := func() Key {
				v := ValuesOf(random.Uint32()&c.mask, random.Uint32()&c.mask, random.Uint32()&c.mask, random.Uint32()&c.mask)
				return Key{v, v.hash() & c.hash}
			}
			for _, n := range []int{0, 1, 3, 4, 5, 1000} {
				if c.hash != ^uint64(0) {
					n = min(n, 40) // a line after the other is read
				}
				var keys []Key
				var all []Entry
				want := map[Values][]Entry{}
				for range n {
					k, f := key(), Entry{random.Uint32N(5), random.Uint32()}
					keys, all = append(keys, k), append(all, f)
					want[k.Values] = append(want[k.Values], f)
				}
				g := NewGroups(keys, all)
				// The keys to find are those there, those near them, and any others.
				for _, k := range slices.Clone(keys[:min(n, 100)]) {
					for bit := range 64 {
						near := Key{Values{k.first ^ 1<<bit, k.second}, 0}
						near.Hash = near.Values.hash() & c.hash
						keys = append(keys, near)
					}
				}
				for range 1000 {
					keys = append(keys, key())
				}
				for _, list := range want {
					slices.SortFunc(list, func(a, b Entry) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Rule, b.Rule)) })
				}
				for _, k := range keys {
					var room [1]Entry
					if got := g.Entries(g.Find(k), &room); !slices.Equal(got, want[k.Values]) {
						t.Fatalf("%d keys, %x: %v, want %v", n, k.Values, got, want[k.Values])
					}
				}
			}
		})
	}
}

// A table that grows by doubling is twice as large as it need be just after.
func TestAGroupTakesAtMost22Bytes(t *testing.T) {
	for _, n := range []int{1000, 1025, 99_999, 131_073} {
		keys := make([]Key, n)
		for i := range keys {
			v := ValuesOf(uint32(i), 1, 2, 3)
			keys[i] = Key{v, v.hash()}
		}
		g := NewGroups(keys, make([]Entry, n))
		if size := len(g.lines) * int(unsafe.Sizeof(g.lines[0])); size > n*22 {
			t.Errorf("%d groups: %d bytes, %d each", n, size, size/n)
		}
	}
}

func TestPrefetchingChangesNothingWhateverIsAskedFor(t *testing.T) {
	table := make([]uint64, 1<<20)
	for i := range table {
		table[i] = uint64(i)
	}
	for _, i := range []uint64{0, 1, 1<<20 - 1, 1 << 20, 1 << 40, ^uint64(0)} {
		prefetch(table, i)
		prefetch(table[:0], i)
		prefetch[uint64](nil, i)
	}
	for i, x := range table {
		if x != uint64(i) {
			t.Fatal(i, x)
		}
	}
	if n := testing.AllocsPerRun(100, func() { prefetch(table, 77) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
