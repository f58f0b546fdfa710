package lookup

import (
	"fmt"
	"strings"
	"testing"
)

// Among so many names some unknown ones have the hash of a known one.
func TestATextIsFoundByItsBytesAndNotByItsHash(t *testing.T) {
	const n = 150_000
	// Around the length of which a text stands in its slot.
	name := func(i int) string { return fmt.Sprintf("name-%d%s", i, strings.Repeat("x", i%16)) }
	names := NewSymbols()
	for i := range n {
		if got := names.Add(name(i)); got != uint32(i+1) {
			t.Fatalf("name %d has the number %d", i, got)
		}
	}
	if names.Add(name(7)) != 8 || names.Add("") != n+1 || names.Add("") != n+1 {
		t.Error("a name has two numbers")
	}
	numbers := names.Seal()
	if len(numbers) != n+2 {
		t.Errorf("%d numbers", len(numbers)-1)
	}
	collided := 0
	known := map[uint32]bool{}
	for _, s := range names.slots {
		if s.size != 0 {
			known[s.hash] = true
		}
	}
	for i := range n {
		s := name(i)
		if id := names.Find(s); id == 0 || id != numbers[i+1] || names.Text(id) != s || int(id) >= names.Numbers() {
			t.Fatalf("%s: %d", s, id)
		}
		other := fmt.Sprintf("other-%d", i)
		if known[names.Hash(other)] {
			collided++
		}
		if id := names.Find(other); id != 0 {
			t.Fatalf("%s is taken for %s", other, names.Text(id))
		}
	}
	t.Logf("%d unknown names have the hash of a known one", collided)
	if names.Find("") != numbers[n+1] || names.Text(0) != "" || names.Text(numbers[n+1]) != "" {
		t.Error("the empty name")
	}
}
