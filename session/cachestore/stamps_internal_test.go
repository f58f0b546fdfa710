package cachestore

import (
	"math/rand/v2"
	"testing"
)

func TestAPackedPlaceIsTheSamePlace(t *testing.T) {
	for range 10_000 {
		p := counterIndex{rand.Uint32N(maxStamps), rand.Uint32N(maxStamps), rand.Uint32N(tenantStamps)}
		if got := p.pack().unpack(); got != p {
			t.Fatalf("%v is unpacked as %v", p, got)
		}
	}
	last := counterIndex{maxStamps - 1, maxStamps - 1, tenantStamps - 1}
	if got := last.pack().unpack(); got != last {
		t.Errorf("%v is unpacked as %v", last, got)
	}
}
