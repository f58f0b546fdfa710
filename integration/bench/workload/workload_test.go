package workload_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/reevehq/reeve/integration/bench/workload"
)

// TestReeveDecidesWorkloadsAsCasbinDoes: what is compared has to be the same question. With the tag
// rivals the command decisions asks Cedar and OPA too.
func TestReeveDecidesWorkloadsAsCasbinDoes(t *testing.T) {
	sizes := map[string][]int{"gdrive": {5, 20}, "github": {5, 20}, "tinytodo": {5, 30}, "hospital": {1, 3}}
	for _, name := range workload.Names {
		allowed, denied := 0, 0
		for _, size := range sizes[name] {
			for seed := range uint64(2) {
				w, err := workload.Make(name, size, seed)
				if err != nil {
					t.Fatal(err)
				}
				engine, err := w.Engine()
				if err != nil {
					t.Fatalf("%s, seed %d: %v", w.Name, seed, err)
				}
				stock, err := w.Enforcer()
				if err != nil {
					t.Fatalf("%s, seed %d: %v", w.Name, seed, err)
				}
				for _, r := range w.Requests[:250] {
					d, err := engine.Decide(t.Context(), r.Reeve)
					if err != nil {
						t.Fatalf("%s, seed %d: %+v: %v", w.Name, seed, r.Cedar, err)
					}
					want, err := stock.Enforce(r.Casbin...)
					if err != nil {
						t.Fatalf("%s, seed %d: %+v: %v", w.Name, seed, r.Cedar, err)
					}
					if d.Allowed() != want {
						t.Errorf("%s, seed %d: %+v: Reeve says %v, Casbin %v", w.Name, seed, r.Cedar, d.Allowed(), want)
					}
					if want {
						allowed++
					} else {
						denied++
					}
				}
			}
		}
		if allowed < 50 || denied < 50 {
			t.Errorf("%s: %d allowed and %d denied: too few of one prove nothing", name, allowed, denied)
		}
	}
}

// TestWorkloadsAreOfTheirSize counts what the papers count.
func TestWorkloadsAreOfTheirSize(t *testing.T) {
	for _, tt := range []struct {
		name            string
		size, policies  int
		entities, cedar int
	}{
		{"gdrive", 10, 5, 60, 5}, {"github", 10, 8, 120, 8}, {"tinytodo", 10, 4, 31, 4},
		{"hospital", 10, 335, 10*(1+2+5) + 10*10*4, 335},
	} {
		w, err := workload.Make(tt.name, tt.size, 1)
		if err != nil {
			t.Fatal(err)
		}
		if w.Policies != tt.policies || len(w.Entities) != tt.entities || len(w.Requests) != 500 {
			t.Errorf("%s: %d policies, %d entities, %d requests", w.Name, w.Policies, len(w.Entities), len(w.Requests))
		}
		if n := strings.Count(w.Cedar, "permit (") + strings.Count(w.Cedar, "forbid ("); n != tt.cedar {
			t.Errorf("%s: %d policies of Cedar's", w.Name, n)
		}
	}
	if w, err := workload.Make("hospital", 300, 1); err != nil || w.Policies != 9_905 {
		t.Errorf("hospital-300 has %d policies: %v", w.Policies, err)
	}
}

func TestASeedIsOneWorkload(t *testing.T) {
	for _, name := range workload.Names {
		made := func(seed uint64) *workload.Workload {
			w, err := workload.Make(name, 8, seed)
			if err != nil {
				t.Fatal(err)
			}
			return w
		}
		if !reflect.DeepEqual(made(1), made(1)) {
			t.Errorf("%s: a seed makes two workloads", name)
		}
		if reflect.DeepEqual(made(1).Requests, made(2).Requests) {
			t.Errorf("%s: two seeds make one workload", name)
		}
	}
	if _, err := workload.Make("gdrive", 0, 1); err == nil {
		t.Error("a workload of nothing")
	}
	if _, err := workload.Make("nothing", 1, 1); err == nil {
		t.Error("a workload of no name")
	}
}
