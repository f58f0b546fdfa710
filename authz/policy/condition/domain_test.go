package condition_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// Every operator that compares has a complement, which is another, and is that one's.
func TestEveryOperatorHasAComplement(t *testing.T) {
	n := 0
	for op := condition.Op(0); op < 100; op++ {
		if !op.IsLeaf() {
			continue
		}
		n++
		if c := op.Complement(); !c.IsLeaf() || c == op || c.Complement() != op || op.String() == "" || op.String() == "none" {
			t.Errorf("%d %s: %s", op, op, c)
		}
	}
	if n != 32 {
		t.Errorf("%d operators", n)
	}
}

// A value beyond a kind's domain is no value of that kind.
func TestTheDomainsOfTheKinds(t *testing.T) {
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		kind condition.Kind
		x    any
		ok   bool
	}{
		{condition.KindInt, condition.MaxInt, true}, {condition.KindInt, -condition.MaxInt, true}, {condition.KindInt, condition.MaxInt + 1, false}, {condition.KindInt, -condition.MaxInt - 1, false},
		{condition.KindFloat, condition.MaxFloat, true}, {condition.KindFloat, math.Inf(1), false}, {condition.KindFloat, math.NaN(), false}, {condition.KindFloat, math.MaxFloat64, true},
		{condition.KindTime, condition.MinTime(), true}, {condition.KindTime, condition.MinTime().Add(-1), false}, {condition.KindTime, condition.MaxTime(), true}, {condition.KindTime, condition.MaxTime().Add(time.Microsecond), false},
		{condition.KindTime, year(1), true}, {condition.KindTime, year(0), false}, {condition.KindTime, year(10000), false}, {condition.KindTime, year(400_000), false}, {condition.KindTime, year(-400_000), false}, {condition.KindTime, time.Time{}, true},
		{condition.KindTime, time.Unix(math.MaxInt64, 0), false}, {condition.KindTime, int64(5), false},
		{condition.KindUUID, aUUID, true}, {condition.KindUUID, [16]byte{1, 2}, true}, {condition.KindUUID, "0190A1B2-0000-7000-8000-00000000000A", false}, {condition.KindUUID, "0190a1b2000070008000000000000000000a", false}, {condition.KindUUID, aUUID + " ", false}, {condition.KindUUID, "", false},
	} {
		if v, _ := condition.ValueOf(c.kind, c.x); (v.Kind() == c.kind) != c.ok {
			t.Errorf("%s %v: %s", c.kind, c.x, v.Kind())
		}
	}
	if condition.MaxFloat != math.MaxFloat64 || !condition.MinTime().Equal(year(1)) || !condition.MaxTime().Add(time.Microsecond).Equal(year(10000)) {
		t.Error(condition.MaxFloat, condition.MinTime(), condition.MaxTime())
	}
	if v, _ := condition.ValueOf(condition.KindUUID, [16]byte{0x01, 0x90, 0xa1, 0xb2, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0x0a}); v.Text() != aUUID {
		t.Error(v.Text())
	}
}

// Compare is the order of the values as numbers of microseconds, exact wherever an int is seconds.
func TestTimesAndSecondsCompareExactly(t *testing.T) {
	var times []int64
	for _, s := range []int64{-2, -1, 0, 1, 1_700_000_000} {
		for _, us := range []int64{-1, 0, 1, 999_999} {
			times = append(times, s*1_000_000+us)
		}
	}
	for _, us := range times {
		at := condition.Time(time.UnixMicro(us))
		for _, other := range times {
			if c, ok := at.Compare(condition.Time(time.UnixMicro(other))); !ok || c != compare(us, other) {
				t.Errorf("%d and %d: %d %v", us, other, c, ok)
			}
		}
		for _, s := range []int64{-3, -2, -1, 0, 1, 2, 1_700_000_000, 1 << 53, -1 << 53} {
			want := compare(0, s) // so far that every time is nearer
			if s > -1<<40 && s < 1<<40 {
				want = compare(us, s*1_000_000)
			}
			c, ok := at.Compare(condition.Int(s))
			back, ok2 := condition.Int(s).Compare(at)
			if !ok || !ok2 || c != want || back != -want {
				t.Errorf("%d µs and %d s: %d, and back %d, want %d", us, s, c, back, want)
			}
		}
	}
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A literal says which values beyond its columns' domains a database has to keep out: just those
// for which the comparison would be true there.
func TestALiteralSaysWhichEndsOfTheDomainItNeeds(t *testing.T) {
	s := schema(t, lawAttributes)
	for text, want := range map[string][2]condition.Guard{
		"r.obj.n == 1":                           {{}, {Low: true, High: true}},
		"r.obj.n < 1":                            {{Low: true}, {High: true}},
		"r.obj.n <= 1.5":                         {{Low: true}, {High: true}},
		"1 < r.obj.n":                            {{High: true}, {Low: true}},
		"r.obj.n in (1, 2)":                      {{}, {Low: true, High: true}},
		"r.obj.n == 1.5":                         {{}, {Low: true, High: true}}, // false, and that it is there
		"r.obj.n == r.obj.m":                     {{Low: true, High: true, Both: true}, {Low: true, High: true, Both: true}},
		"has(r.obj, 't')":                        {{Low: true, High: true}, {Low: true, High: true}},
		"r.obj.t >= '2026-01-01T00:00:00+01:00'": {{High: true}, {Low: true}},
		"r.obj.s == 'x'":                         {{}, {}},
		"r.obj.s == r.obj.v":                     {{Length: 4096}, {Length: 4096}},
		"r.obj.s in r.obj.l":                     {{Elements: 4096, PerUnit: true}, {Elements: 4096, PerUnit: true}},
		"r.obj.u in r.obj.l":                     {{Elements: 4096}, {Elements: 4096}},
		"'" + strings.Repeat("x", 65) + "' in r.obj.l":                    {{Elements: 2048}, {Elements: 2048}},
		"containsAll(r.obj.l, ('" + strings.Repeat("x", 129) + "', 'y'))": {{Elements: 1024}, {Elements: 1024}},
		"containsAny(r.obj.l, ('x', 'y'))":                                {{Elements: 2048}, {Elements: 2048}},
		"containsAll(r.obj.l, r.obj.k)":                                   {{Elements: 4096}, {Elements: 4096}},
		"size(r.obj.l) > 1":                                               {{}, {}}, // counting looks into no text
	} {
		e, err := condition.Parse(text, "doc", s)
		if err != nil {
			t.Fatal(text, err)
		}
		for i, w := range []bool{true, false} {
			if got := condition.Reduce(e, w, assignment.atFirst(nil, "")).Literal().Guard(); got != want[i] {
				t.Errorf("%s is %v: %+v, want %+v", text, w, got, want[i])
			}
		}
	}
}

// A literal has the attribute of the object on the left and a constant of its kind on the right.
func TestALiteralIsNormal(t *testing.T) {
	s := schema(t, lawAttributes+"sub, x, float, no,\nsub, y, string, no,\nsub, z, strings, no,\nsub, n, string, value,\n")
	known := assignment{"x": 1.5, "y": "no uuid", "z": []string{"a", aUUID}, "n": nil}
	at := func(a *condition.Attribute) (condition.Value, []string) {
		if a.Part() == condition.PartSubject {
			return known.at(a)
		}
		return condition.Later(), nil
	}
	for text, want := range map[string]string{
		"r.sub.x < r.obj.n":        "n > 1 | n <= 1", // of a whole number
		"r.obj.n >= r.sub.x":       "n > 1 | n <= 1",
		"r.obj.n != r.sub.x":       "n has | never",
		"r.obj.u == r.sub.y":       "never | u has",
		"r.obj.u in r.sub.z":       "u in 1 | u not in 1",
		"r.obj.v == r.sub.n":       "v isNull | v not isNull",
		"r.obj.s == r.sub.n":       "never | s has",
		"r.obj.s == r.sub.missing": "",
		"r.obj.n in (1, 1.5)":      "n in 1 | n not in 1",
		"r.obj.n in (0.5, 1.5)":    "never | n has",
		"r.obj.t < r.env.time":     "t < 5 | t >= 5",
		"r.env.hour == 5":          "never | never",
	} {
		e, err := condition.Parse(text, "doc", s)
		if err != nil {
			if want != "" {
				t.Error(text, err)
			}
			continue
		}
		lookup := at
		if slices.Contains([]string{"r.obj.t < r.env.time"}, text) {
			lookup = func(a *condition.Attribute) (condition.Value, []string) {
				if a.Part() == condition.PartEnv {
					return condition.Int(5), nil
				}
				return condition.Later(), nil
			}
		}
		if text == "r.env.hour == 5" {
			lookup = func(*condition.Attribute) (condition.Value, []string) { return condition.Value{}, nil }
		}
		if got := literal(condition.Reduce(e, true, lookup)) + " | " + literal(condition.Reduce(e, false, lookup)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func literal(f condition.Form) string {
	if f.Kind() != condition.FormLiteral {
		return map[condition.FormKind]string{condition.FormNever: "never", condition.FormAlways: "always"}[f.Kind()]
	}
	l := f.Literal()
	text := l.A.Attr.Name + " " + l.Op.String()
	switch v := l.B.Value; v.Kind() {
	case condition.KindInt:
		text += " " + string(rune('0'+v.Int()))
	case condition.KindTime:
		text += " " + string(rune('0'+v.Time().Unix()))
	case condition.KindStrings:
		text += " " + string(rune('0'+len(l.B.Texts)))
	}
	if len(l.List) > 0 {
		text += " " + string(rune('0'+len(l.List)))
	}
	return text
}

// The functions for Casbin say what their definition does, however Casbin hands lists over.
func TestTheFunctionsForCasbin(t *testing.T) {
	texts := func(n int, of ...string) (list []any) {
		for i, s := range of {
			if n>>i&1 != 0 {
				list = append(list, s)
			}
		}
		return list
	}
	f := condition.Functions()
	for n := range 8 {
		for m := range 8 {
			a, b := texts(n, "x", "y", ""), texts(m, "x", "y", "")
			if b == nil {
				b = []any{}
			}
			if got, err := f["containsAny"](append(slices.Clone(a), b)...); err != nil || got != (n&m != 0) {
				t.Errorf("containsAny %v %v: %v %v", a, b, got, err)
			}
			if got, err := f["containsAll"](append(slices.Clone(a), b)...); err != nil || got != (n&m == m) {
				t.Errorf("containsAll %v %v: %v %v", a, b, got, err)
			}
		}
	}
	for _, c := range []struct {
		name string
		args []any
		want any // nil for an error
	}{
		{"endsWith", []any{"abc", "bc"}, true}, {"endsWith", []any{"bc", "abc"}, false}, {"endsWith", []any{"", ""}, true}, {"endsWith", []any{nil, ""}, nil}, {"contains", []any{"abc", "b"}, true}, {"contains", []any{"abc", "B"}, false}, {"contains", []any{"a", ""}, true}, {"contains", []any{"a"}, nil}, {"contains", []any{[]any{"a"}, "a"}, nil},
		{"startsWith", []any{"abc", "ab"}, true}, {"startsWith", []any{"ab", "abc"}, false}, {"startsWith", []any{"", ""}, true}, {"startsWith", []any{nil, ""}, nil}, {"startsWith", []any{"a"}, nil},
		{"has", []any{map[string]any{"x": nil}, "x"}, false}, {"has", []any{map[string]any{"x": 5}, "x"}, true}, {"has", []any{map[string]any{}, "x"}, false}, {"has", []any{nil, "x"}, nil}, {"has", nil, nil},
		{"isNull", []any{map[string]any{"x": nil}, "x"}, true}, {"isNull", []any{map[string]any{"x": ""}, "x"}, false}, {"isNull", []any{map[string]any{}, "x"}, nil},
		{"containsAny", nil, nil}, {"containsAny", []any{nil, []any{}}, nil}, {"containsAny", []any{"x", nil}, nil}, {"containsAny", []any{"x", []any{5}}, nil}, {"containsAny", []any{"x", "x"}, true}, {"containsAll", []any{"x", "y"}, false},
		{"size", nil, 0.0}, {"size", []any{"x"}, 1.0}, {"size", []any{"x", "x", ""}, 3.0}, {"size", []any{nil}, nil}, {"size", []any{"x", 5}, nil}, {"size", []any{[]any{"x"}}, nil},
	} {
		got, err := f[c.name](c.args...)
		if (err == nil) != (c.want != nil) || err == nil && got != c.want {
			t.Errorf("%s %v: %v %v", c.name, c.args, got, err)
		}
	}
}
