package policy_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/internal/conditiontest"
)

// typedNil is an Attributes that is there and knows nothing.
type typedNil struct{}

func (*typedNil) Get(string) (any, bool) { return nil, true }

// hostile are the values of a service that bounds nothing: the longest, the most and the
// oddest, and those at the limits of what is compared, where the work is most.
func hostile() map[string]policy.AttributeSource {
	long := func(n int) string { return strings.Repeat("x", n) }
	// alike are n texts of a length that differ from each other in their last bytes alone.
	alike := func(n, length int) []string {
		list := make([]string, n)
		for i := range list {
			list[i] = long(length-4) + fmt.Sprintf("%04d", i)
		}
		return list
	}
	values := func(d, l, n any) policy.Values {
		return policy.Values{
			"d": d, "l": l, "n": n, "f": n, "b": true, "ip": d, "mfa": true,
			"dept": d, "owner": d, "status": d, "net": d, "regions": l, "tags": l, "level": n, "size": n, "score": n, "staff": true, "public": false,
		}
	}
	all := map[string]policy.AttributeSource{
		"1 MiB":                 values(long(1<<20), []string{long(1 << 20), long(1 << 20)}, int64(math.MaxInt64)),
		"4 KiB":                 values(long(4<<10), slices.Repeat([]string{long(4<<10 - 1)}, 4096), int64(math.MinInt64)),
		"a million":             values(long(64), make([]string, 1<<20), uint64(math.MaxUint64)),
		"no number":             values("", []string(nil), math.NaN()),
		"infinite":              values("\x00", []string{"\x00"}, math.Inf(-1)),
		"a zone without end":    values("fe80::1%"+long(1<<20), []string{""}, float32(math.Inf(1))),
		"a short zone":          values("fe80::1%"+long(8), []string{""}, math.SmallestNonzeroFloat64),
		"almost an address":     values("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.256", []string{""}, math.Copysign(0, -1)),
		"other kinds":           policy.Values{"d": 5, "l": "a", "n": "5", "f": true, "b": 1, "ip": []string{"::1"}, "mfa": "yes", "time": math.NaN()},
		"what is no value":      policy.Values{"d": struct{}{}, "l": []any{1}, "n": func() {}, "f": map[string]any{}, "b": (*bool)(nil), "ip": []byte("::1"), "time": uintptr(5)},
		"nil values":            policy.Values{"d": nil, "l": nil, "n": nil, "f": nil, "b": nil, "ip": nil, "mfa": nil, "time": nil, "hour": nil},
		"a nil map":             policy.Values(nil),
		"nil in an Attributes":  (*typedNil)(nil),
		"nil":                   nil,
		"times beyond calendar": policy.Values{"time": int64(math.MaxInt64), "hour": math.MinInt64},
	}
	for _, n := range []int{4096, 4096 / 16, 4096 / 46, 4096 / 73} {
		for _, length := range []int{8, 64} {
			all[fmt.Sprintf("%d alike of %d bytes", n, length)] = values(long(length), alike(n, length), 1)
		}
	}
	return all
}

// No value makes a comparison panic, and hardly anything is allocated: an address that is none costs
// its error.
func TestNoValueTakesLongToCompare(t *testing.T) {
	texts := conditiontest.Longest()
	texts["one list"] = "r.obj.d in r.sub.l"
	texts["everything"] = strings.TrimSuffix(strings.Repeat("r.obj.d<r.sub.d||", 37), "||") + strings.Repeat("||r.obj.d in r.sub.l", 16)
	var worst conditiontest.Clock
	subjects, objects := hostile(), hostile() // equal, and not the same memory: comparing them is work
	for name, text := range texts {
		c := policy.NewConditions(conditiontest.ShortAttributes)
		if _, why := c.Compile(text, "doc"); why != "" {
			continue
		}
		condition := c.Last()
		for kind, values := range subjects {
			r := policy.Request{Subject: policy.Subject{ID: "a", Attributes: values}, Env: values}
			r.Object = policy.Object{Type: "doc", ID: "1", Attributes: objects[kind]}
			says := condition.Eval(r)
			if !slices.Contains([]string{"true", "false", "unknown"}, says) {
				t.Errorf("%s of %s is %q", name, kind, says)
			}
			if n := testing.AllocsPerRun(2, func() { condition.Eval(r) }); n > 100 {
				t.Errorf("%s of %s: %v allocations", name, kind, n)
			}
			worst.Hold(t, name+" of "+kind, func() { condition.Eval(r) })
		}
	}
	t.Log("longest", worst)
}

func TestAComparisonBeyondItsLimitIsUnknown(t *testing.T) {
	text := func(n int) string { return strings.Repeat("x", n) }
	last := func(n int, of string) []string { return append(slices.Repeat([]string{"", "other"}, n)[:n-1], of) }
	for _, c := range []struct {
		condition string
		d, other  string
		list      []string
		want      string
	}{
		{"r.sub.d == r.obj.d", text(4096), text(4096), nil, "true"},
		{"r.sub.d == r.obj.d", text(4097), text(4097), nil, "unknown"},
		{"r.sub.d != r.obj.d", text(1 << 20), text(4096), nil, "true"},
		{"r.sub.d > r.obj.d", text(1 << 20), text(4096), nil, "true"},
		{"r.sub.d <= r.obj.d", text(1 << 20), text(4097), nil, "unknown"},
		{"r.sub.d == 'x'", text(1 << 20), "", nil, "false"},
		{"r.sub.d > 'x'", text(1 << 20), "", nil, "true"},
		{"r.sub.d in ('x', 'xx')", text(1 << 20), "", nil, "false"},
		{"!(r.sub.d == r.obj.d)", text(4097), text(4097), nil, "unknown"},
		{"r.sub.d in r.obj.l", "a", "", last(4096, "a"), "true"},
		{"r.sub.d in r.obj.l", "a", "", last(4096, "b"), "false"},
		{"r.sub.d in r.obj.l", "a", "", last(4097, "a"), "unknown"},
		{"'a' in r.obj.l", "", "", last(4097, "a"), "unknown"},
		{"'b' in r.sub.l || 'a' in r.obj.l", "", "", last(2048, "a"), "true"},
		{"'b' in r.sub.l || 'a' in r.obj.l", "", "", last(2049, "a"), "unknown"},
		{"r.sub.d in r.obj.l", text(64), "", last(4096, text(64)), "true"},
		{"r.sub.d in r.obj.l", text(65), "", last(2048, text(65)), "true"},
		{"r.sub.d in r.obj.l", text(65), "", last(2049, text(65)), "unknown"},
		{"r.sub.d in r.obj.l", text(65), "", append([]string{text(65)}, last(2048, "a")...), "unknown"}, // wherever it stands
		{"!(r.sub.d in r.obj.l)", text(65), "", last(2049, "a"), "unknown"},
		{"r.sub.d in r.obj.l", text(128 << 10), "", []string{"a", text(128 << 10)}, "true"},
		{"r.sub.d in r.obj.l", text(128<<10 + 1), "", []string{"a", "b"}, "unknown"},
		{"r.sub.d in r.obj.l", text(256 << 10), "", []string{}, "false"},
		{"r.sub.d in r.obj.l", text(256<<10 + 1), "", []string{}, "unknown"},
		{"r.obj.d in r.sub.l", text(1 << 20), "a", []string{"a"}, "false"}, // the caller's are weighed
	} {
		k := policy.NewConditions(conditiontest.ShortAttributes)
		if at, why := k.Compile(c.condition, "doc"); why != "" {
			t.Fatalf("%s: %d: %s", c.condition, at, why)
		}
		r := policy.Request{
			Subject: policy.Subject{ID: "a", Attributes: policy.Values{"d": c.d, "l": []string{"x"}}},
			Object:  policy.Object{Type: "doc", Attributes: policy.Values{"d": strings.Clone(c.other), "l": c.list}},
		}
		if got := k.Last().Eval(r); got != c.want {
			t.Errorf("%s with %d and %d bytes, %d texts: %s, want %s", c.condition, len(c.d), len(c.other), len(c.list), got, c.want)
		}
	}
}

// An allow rule beyond a limit does not match, and a deny rule does.
func TestBeyondALimitAnAllowDoesNotMatchAndADenyDoes(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"attributes.csv": conditiontest.ShortAttributes, "policy.csv": strings.Join([]string{
		"p, role:anyone, *, doc, read, 'a' in r.obj.l, allow",
		"p, role:anyone, *, doc, write, true, allow",
		"p, role:anyone, *, doc, write, 'b' in r.obj.l, deny",
	}, "\n")}))
	ask := func(action policy.Action, n int) bool {
		o := doc("1")
		o.Attributes = policy.Values{"l": slices.Repeat([]string{"a"}, n)}
		return allows(t, e, asks("", action, o))
	}
	if !ask("read", 4096) || !ask("write", 4096) {
		t.Error("a list within the limit is denied")
	}
	if ask("read", 4097) || ask("write", 4097) {
		t.Error("a list beyond the limit is allowed")
	}
}

// A text that is too long for an address is not read as one: the standard library keeps a copy of
// every zone that it reads.
func TestWhatIsTooLongForAnAddressIsNotRead(t *testing.T) {
	k := policy.NewConditions(conditiontest.ShortAttributes)
	if at, why := k.Compile("ipMatch(r.env.ip, '::/0')", "doc"); why != "" {
		t.Fatal(at, why)
	}
	const zones, length = 16, 1 << 20
	var requests []policy.Request
	for i := range zones {
		requests = append(requests, policy.Request{Env: policy.Values{"ip": fmt.Sprint("fe80::1%", i, strings.Repeat("x", length))}})
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for _, r := range requests {
		if got := k.Last().Eval(r); got != "unknown" {
			t.Errorf("an address with a zone is %s", got)
		}
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > zones*length/4 {
		t.Errorf("%d bytes for %d addresses", took, zones)
	}
	for address, want := range map[string]string{
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255": "true", "0000:0000:0000:0000:0000:0000:0000:0001": "true",
		"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555": "unknown",
	} {
		if got := k.Last().Eval(policy.Request{Env: policy.Values{"ip": address}}); got != want {
			t.Errorf("%s is %s", address, got)
		}
	}
}
