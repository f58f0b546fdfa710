package casbinindex

import (
	"testing"
	"testing/fstest"
)

// An early fetch is a hint: it leaves the request's facts as they were, and a decision without it,
// and without the hashes that it takes, is the same.
func TestWhatAnIndexFetchesEarlyDecidesNothing(t *testing.T) {
	ix, err := LoadFS(fstest.MapFS{
		"model.conf": {Data: []byte("[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act\n[role_definition]\ng = _, _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act\n")},
		"policy.csv": {Data: []byte("p, admin, t1, d, read\np, alice, t1, e, read\ng, alice, admin, t1\n")},
	}, "model.conf", "policy.csv", Config{})
	if err != nil {
		t.Fatal(err)
	}
	if len(ix.main.prefetched) != 4 {
		t.Fatalf("the sources %v are hashed early", ix.main.prefetched)
	}
	allowed := 0
	for _, sub := range []any{"alice", "bob", "", "admin", nil, 7, []any{"alice"}, map[string]any{"x": 1}} {
		for _, obj := range []any{"d", "e", "none", "", true} {
			rvals := []any{sub, "t1", obj, "read"}
			q := newQuery(ix.main, rvals)
			q.hashInputs()
			before := q.inputs
			q.prefetch()
			if q.inputs != before || q.moreInputs != nil || q.err != nil {
				t.Errorf("%v: fetching changes the question", rvals)
			}
			with, withErr := q.decide()
			bare := newQuery(ix.main, rvals)
			for i := range bare.v.prefetched {
				bare.term(i) // settled without a hash
			}
			without, withoutErr := bare.decideInOrder()
			if with != without || (withErr != nil) != (withoutErr != nil) {
				t.Errorf("%v: %v %v with it, %v %v without", rvals, with, withErr, without, withoutErr)
			}
			if with.allowed {
				allowed++
			}
		}
	}
	if allowed != 5 { // a list is handed over as so many values
		t.Error(allowed)
	}
}
