package policy

import (
	"fmt"
	"testing"
)

// Among so many names some unknown ones have the hash of a known one.
func TestATextIsFoundByItsBytesAndNotByItsHash(t *testing.T) {
	const n = 300_000
	names := newTexts()
	for i := range n {
		if got := names.add(fmt.Sprintf("name-%d", i)); got != uint32(i+1) {
			t.Fatalf("name %d has the number %d", i, got)
		}
	}
	if names.add("name-7") != 8 || names.add("") != n+1 || names.add("") != n+1 {
		t.Error("a name has two numbers")
	}
	names.seal()
	collided := 0
	known := map[uint32]bool{}
	for _, s := range names.slots {
		if s.id != 0 {
			known[s.hash] = true
		}
	}
	for i := range n {
		s := fmt.Sprintf("name-%d", i)
		if id := names.find(s); id != uint32(i+1) || names.text(id) != s {
			t.Fatalf("%s: %d", s, id)
		}
		other := fmt.Sprintf("other-%d", i)
		if known[names.hash(other)] {
			collided++
		}
		if id := names.find(other); id != 0 {
			t.Fatalf("%s is taken for %s", other, names.text(id))
		}
	}
	t.Logf("%d unknown names have the hash of a known one", collided)
	if names.find("") != n+1 || names.text(0) != "" || names.text(n+1) != "" {
		t.Error("the empty name")
	}
}
