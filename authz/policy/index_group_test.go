package policy

import (
	"cmp"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unsafe"

	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
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
			key := func() groupKey {
				v := valuesOf(random.Uint32()&c.mask, random.Uint32()&c.mask, random.Uint32()&c.mask, random.Uint32()&c.mask)
				return groupKey{v, v.hash() & c.hash}
			}
			for _, n := range []int{0, 1, 3, 4, 5, 1000} {
				if c.hash != ^uint64(0) {
					n = min(n, 40) // a line after the other is read
				}
				var keys []groupKey
				var all []found
				want := map[values][]found{}
				for range n {
					k, f := key(), found{random.Uint32N(5), random.Uint32()}
					keys, all = append(keys, k), append(all, f)
					want[k.values] = append(want[k.values], f)
				}
				g := newGroups(keys, all)
				// What is there, what is near it, and anything.
				for _, k := range slices.Clone(keys[:min(n, 100)]) {
					for bit := range 64 {
						near := groupKey{values{k.first ^ 1<<bit, k.second}, 0}
						near.hash = near.values.hash() & c.hash
						keys = append(keys, near)
					}
				}
				for range 1000 {
					keys = append(keys, key())
				}
				for _, list := range want {
					slices.SortFunc(list, func(a, b found) int { return cmp.Or(cmp.Compare(a.who, b.who), cmp.Compare(a.rule, b.rule)) })
				}
				for _, k := range keys {
					var room [1]found
					if got := g.in(g.find(k), &room); !slices.Equal(got, want[k.values]) {
						t.Fatalf("%d keys, %x: %v, want %v", n, k.values, got, want[k.values])
					}
				}
			}
		})
	}
}

// A table that grows by doubling is twice as large as it need be just after.
func TestAGroupTakesAtMost22Bytes(t *testing.T) {
	for _, n := range []int{1000, 1025, 99_999, 131_073} {
		keys := make([]groupKey, n)
		for i := range keys {
			v := valuesOf(uint32(i), 1, 2, 3)
			keys[i] = groupKey{v, v.hash()}
		}
		g := newGroups(keys, make([]found, n))
		if size := len(g.lines) * int(unsafe.Sizeof(g.lines[0])); size > n*22 {
			t.Errorf("%d groups: %d bytes, %d each", n, size, size/n)
		}
	}
}

// Otherwise the wrong lines would be fetched, and only the clock would tell.
func TestThePlaceThatIsExpectedIsTheOneLookedUp(t *testing.T) {
	s := newNames()
	id := []uint32{s.addTenant("acme"), s.addWord("read"), s.addWord("doc"), s.addObject("7"), s.addWho("user:alice")}
	m, _ := s.seal()
	tenantID, action, typ, rest := m.tenants[id[0]], m.words[id[1]], m.words[id[2]], m.objects[id[3]]
	n := &snapshot{names: s, closures: &roleClosures{}, own: lookup{groups: newGroups(nil, nil)}, shared: lookup{groups: newGroups(nil, nil)}}
	r := Request{Tenant: tenant.MustParse("acme"), Action: "read", Object: Object{Type: "doc", ID: "7"}, Subject: Subject{ID: "alice"}}
	q := n.ask(&r)
	expected := keyOf(q.tenant, q.action, q.typ, coversOne, q.rest)
	stands := keyOf(s.tenants.term(tenantID), s.words.term(action), s.words.term(typ), coversOne, s.objects.term(rest))
	n.settle(&q, &r)
	asked := keyOf(q.tenant, q.action, q.typ, coversOne, q.rest)
	if asked != stands || expected.hash != stands.hash {
		t.Errorf("the rule stands at %x, the question expects it at %x and asks at %x", stands, expected, asked)
	}
	if got, want := s.who(s.users.guess(q.user.hash)), m.who(id[4]); got != want {
		t.Errorf("alice is expected at %d and is %d", got, want)
	}
	r.Action = "write"
	if q := n.ask(&r); keyOf(q.tenant, q.action, q.typ, coversOne, q.rest).hash == stands.hash {
		t.Error("every question has one place")
	}
}

// Fetching is for speed alone. Were it to decide, a part that it leaves out would take the
// deny rules with it and leave the allow for everything.
func TestAQuestionForWhichNothingWasFetchedIsAnsweredAlike(t *testing.T) {
	const rows = `
p, role:anyone, *,    *,     *,    true, allow
p, user:alice,  acme, doc:7, read, true, deny
p, user:alice,  acme, /a/*,  GET,  true, deny
g, user:alice,  role:editor, acme
p, role:editor, acme, doc,   write, true, deny
`
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	e, err := Load(fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(rows)}, "attributes.csv": {Data: []byte("other, id, string, no,")}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := e.snapshot()
	denied := 0
	for _, tenantID := range []string{"acme", "globex"} {
		for _, user := range []string{"alice", "bob"} {
			for _, action := range []Action{"read", "write", "GET"} {
				for _, object := range []Object{{Type: "doc", ID: "7", Tenant: tenant.MustParse(tenantID)}, {Type: "doc"}, {Type: "other", ID: "/a/b", Tenant: tenant.MustParse(tenantID)}, Route("/a/b"), Route("/b")} {
					r := Request{Tenant: tenant.MustParse(tenantID), Subject: Subject{ID: user}, Action: action, Object: object}
					if err := r.validate(); err != nil {
						continue // a method on a type, a word on a route
					}
					_, q, err := e.prepare(t.Context(), &r)
					if err != nil {
						t.Fatal(err)
					}
					var bare question
					s.settle(&bare, &r)
					want, got := s.decide(&r, &q), s.decide(&r, &bare)
					if bare != q {
						t.Errorf("%+v: %+v, and without hints %+v", r, q, bare)
					}
					if want.Effect != got.Effect || !slices.Equal(want.Reasons, got.Reasons) {
						t.Errorf("%+v: %v, and not expected %v", r, want, got)
					}
					if !want.Allowed() {
						denied++
					}
				}
			}
		}
	}
	if denied != 4 {
		t.Errorf("%d are denied, of doc:7, /a/b and doc in acme 4 are right", denied)
	}
}

// The snapshot here is empty: a hint that looked at it for a request that is not valid would
// panic.
func TestARequestIsValidatedBeforeAnythingLooksAtThePolicy(t *testing.T) {
	e := &Engine{}
	e.current.Store(&snapshot{revision: "r"})
	for name, r := range map[string]Request{
		"nothing":                 {},
		"a user without a tenant": {Subject: Subject{ID: "alice"}, Action: "read", Object: Object{Type: "doc"}},
		"another tenant's object": {Tenant: tenant.MustParse("acme"), Action: "read", Object: Object{Type: "doc", ID: "1", Tenant: tenant.MustParse("globex")}},
		"an id without a tenant":  {Tenant: tenant.MustParse("acme"), Action: "read", Object: Object{Type: "doc", ID: "1"}},
		"a malformed route":       {Action: "GET", Object: Route("x")},
	} {
		if d, err := e.Decide(t.Context(), r); !errors.Is(err, ErrRequest) || d.Allowed() || d.Revision != "r" {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

// Each of these is denied by a rule of its own or not at all, so none may be decided.
func TestNoPartOfARequestIsLongerThanItsLimit(t *testing.T) {
	long := strings.Repeat("a", 2000)
	for name, r := range map[string]Request{
		"an action":          {Action: Action(long), Object: Object{Type: "doc"}},
		"a method":           {Action: Action(strings.ToUpper(long)), Object: Route("/a")},
		"a type":             {Action: "read", Object: Object{Type: long}},
		"an id":              {Action: "read", Object: Object{Type: "doc", ID: long}},
		"a route":            {Action: "GET", Object: Route("/" + long)},
		"a route with an id": {Action: "GET", Object: Object{Route: "/a", ID: long}},
		"a user":             {Tenant: tenant.MustParse("acme"), Subject: Subject{ID: long}, Action: "read", Object: Object{Type: "doc"}},
	} {
		if err := r.validate(); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
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
