package token

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// agrees holds what is read of a text to two other parsers, and to what is skipped and found
// again in it.
func agrees(t interface{ Fatalf(string, ...any) }, text string) {
	tree, err := readTree(text)
	want, wantErr := oracleTree(text)
	if err != wantErr || !reflect.DeepEqual(tree, want) {
		t.Fatalf("%q is read as %v, %v; with jsontext as %v, %v", text, tree, err, want, wantErr)
	}
	if standard, stdErr := standardTree(text); err == nil && (stdErr != nil || !reflect.DeepEqual(tree, standard)) {
		t.Fatalf("%q is read as %v; encoding/json reads %v, %v", text, tree, standard, stdErr)
	}

	r, members := readerOf(text), 0
	var positions []memberPosition
	for r.open('{'); r.next(); members++ {
		positions = append(positions, memberPosition{r.name, r.at})
		r.skip()
	}
	if skipped := r.end(); skipped != err {
		t.Fatalf("%q is skipped with %v and read with %v", text, skipped, err)
	}
	if err != nil {
		return
	}
	if members != len(tree) {
		t.Fatalf("%q has %d members, and %d are read", text, len(tree), members)
	}
	r = readerOf(text)
	r.depth = 1
	for _, p := range positions {
		r.at = p.at
		if v := r.value(); r.err != nil || !reflect.DeepEqual(v, tree[p.name]) {
			t.Fatalf("%q: %q is %v, %v where it stands, and %v when all is read", text, p.name, v, r.err, tree[p.name])
		}
	}
}

// hostileTexts are JSON, or nearly.
var hostileTexts = []string{
	``, ` `, `{}`, `[]`, `null`, `"x"`, `1`, `{`, `}`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a" 1}`, `{"a"::1}`,
	`{"a":1}x`, `{"a":1}{}`, ` {"a":1} ` + "\t\r\n", "\ufeff{}", "{}\x00", "{\x00}", "{\"a\x00\":1}", "{}\v", "/**/{}", `{'a':1}`, `{a:1}`,
	`{"a":1,"a":1}`, `{"a":1,"\u0061":1}`, `{"a":{"b":1,"b":2}}`, `{"a":[{"b":1},{"b":2}]}`, `{"a":{"a":{"a":1}},"b":{"a":1}}`, `{"":1,"":2}`, `{"":1}`,
	`{"a":tru}`, `{"a":truex}`, `{"a":True}`, `{"a":nul`, `{"a":false,"b":null,"c":true}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":-Infinity}`,
	`{"a":-}`, `{"a":+1}`, `{"a":01}`, `{"a":00}`, `{"a":-0}`, `{"a":-01}`, `{"a":1.}`, `{"a":.5}`, `{"a":1.5e}`, `{"a":1e+}`, `{"a":1E-5}`, `{"a":1e400}`, `{"a":-1e400}`, `{"a":1e-400}`,
	`{"a":1e400`, `{"a":1e400x}`, `{"a":0x1}`, `{"a":1_0}`, `{"a":1e5.5}`, `{"a":1e1e1}`, `{"a":` + strings.Repeat("9", 300) + `}`, `{"a":` + strings.Repeat("9", 308) + `}`, `{"a":` + strings.Repeat("9", 309) + `}`, `{"a":` + strings.Repeat("9", 400) + `}`,
	`{"a":-` + strings.Repeat("9", 309) + `}`, `{"a":0.` + strings.Repeat("0", 400) + `1}`, `{"a":1` + strings.Repeat("0", 308) + `.5}`,
	`{"a":"\ud800"}`, `{"a":"\udc00"}`, `{"a":"\ud83d\ude00"}`, `{"a":"\ud800\ud800"}`, `{"a":"\ud800\u0041"}`, `{"a":"\ud800x"}`, `{"a":"\uD83D\uDE00"}`, `{"a":"\ufffd"}`, `{"a":"\ud83d\ud"}`,
	`{"a":"\x41"}`, `{"a":"\u00"}`, `{"a":"\u00g0"}`, `{"a":"\u 041"}`, `{"a":"\u+041"}`, `{"a":"\`, `{"a":"\"`, `{"a":"\""}`, `{"a":"\\"}`, `{"a":"\\\"}`, `{"a":"\/\b\f\n\r\t\u0000"}`, `{"a":"\'"}`, `{"a":"\U0041"}`,
	"{\"a\":\"\xff\"}", "{\"\xff\":1}", "{\"a\":\"\xc0\x80\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xf4\x90\x80\x80\"}", "{\"a\":\"\xe2\x82\"}", "{\"a\":\"é€😀\ufffd\u007f\u0080\"}", "{\"a\":\"\n\"}", "{\"a\":\"\x1f\"}",
	`{"a":` + strings.Repeat("[", 7) + strings.Repeat("]", 7) + `}`, `{"a":` + strings.Repeat("[", 8) + strings.Repeat("]", 8) + `}`, `{"a":` + strings.Repeat(`{"a":`, 7) + `1` + strings.Repeat(`}`, 8), `{"a":` + strings.Repeat(`{"a":`, 8) + `1` + strings.Repeat(`}`, 9),
	`{"a":` + strings.Repeat("[", 2000), strings.Repeat("[", 2000), `{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{"a":[1:2]}`, `{"a":[1}}`, `{"a":{"b":1]}`, `{"a":[]]}`, `{"a":1:2}`, `{1:2}`, `{null:1}`, `{"a":1;"b":2}`,
}

func TestAReaderAgreesWithOtherParsers(t *testing.T) {
	for _, text := range hostileTexts {
		agrees(t, text)
		for cut := range min(len(text), 40) {
			agrees(t, text[:cut])
		}
	}
}

// TestAReaderAgreesOnWhatIsMadeAtRandom makes objects, breaks most of them, and has three parsers
// read them.
func TestAReaderAgreesOnWhatIsMadeAtRandom(t *testing.T) {
	pieces := []string{"{", "}", "[", "]", ",", ":", `"`, `\`, `\u`, `\ud800`, `\udc00`, "0", "-", "1e9", "1e999", ".", "e", "true", "null", " ", "\n", `"a"`, `"\u0061"`, `"a":`, "\xff", "\xe2\x82", "é", "\x00"}
	rapid.Check(t, func(t *rapid.T) {
		for range 200 {
			text := object(t, 0)
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				at := rapid.IntRange(0, len(text)).Draw(t, "at")
				end := min(len(text), at+rapid.IntRange(0, 3).Draw(t, "cut"))
				text = text[:at] + rapid.SampledFrom(append(pieces, "")).Draw(t, "piece") + text[end:]
			}
			agrees(t, text)
		}
	})
}

// object makes an object, of names of which some are one, and value a value.
func object(t *rapid.T, depth int) string {
	var members []string
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		name := rapid.SampledFrom([]string{"a", "b", "c", "sub", `\u0061`, `\"`, "é", `\ud83d\ude00`, "😀", ""}).Draw(t, "name")
		members = append(members, `"`+name+`":`+value(t, depth+1))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func value(t *rapid.T, depth int) string {
	kinds := 4
	if depth < 9 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "literal")
	case 1:
		return rapid.SampledFrom([]string{"0", "-0", "1", "-12.5", "1e2", "1E+2", "0.5e-3", "1795000000", "1e308", "1e309"}).Draw(t, "number")
	case 2, 3:
		return `"` + rapid.SampledFrom([]string{"", "alice", "é", `\n`, `\u0000`, `\ud83d\ude00`, `\\`, `\/`, "\x7f"}).Draw(t, "string") + `"`
	case 4:
		return object(t, depth)
	}
	var elements []string
	for range rapid.IntRange(0, 3).Draw(t, "elements") {
		elements = append(elements, value(t, depth+1))
	}
	return " [" + strings.Join(elements, " , ") + "]"
}

// FuzzReader has three parsers read any text.
func FuzzReader(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { agrees(t, text) })
}

// TestANameIsFoundTwiceAmongMany: in an object with more names than there is room for, in one
// within it, and after one, a name is found again wherever it stands, and nowhere else.
func TestANameIsFoundTwiceAmongMany(t *testing.T) {
	some := func(prefix string, n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"%s%d":1,`, prefix, i)
		}
		return b.String()
	}
	for _, n := range []int{1, fewNames - 2, fewNames - 1, fewNames, fewNames + 1, 3 * fewNames} {
		for _, within := range []int{0, 1, fewNames, 2 * fewNames} {
			inner := `"x":{` + some("a", within) + `"z":1},`
			for _, text := range []string{
				"{" + some("a", n) + inner + some("b", n) + `"z":1}`,
				"{" + inner + some("a", n) + `"z":{` + some("a", within) + some("b", n) + `"z":1}}`,
			} {
				agrees(t, text)
				if _, err := readTree(text); err != nil {
					t.Fatalf("%d names, %d within: %v", n, within, err)
				}
			}
			for _, again := range []string{"a0", fmt.Sprintf("a%d", n-1), "x", `\u0061` + fmt.Sprint(n/2)} {
				text := "{" + some("a", n) + inner + some("b", n) + `"` + again + `":1}`
				agrees(t, text)
				if _, err := readTree(text); err != notStrict {
					t.Fatalf("%d names, %d within, %s again: %v", n, within, again, err)
				}
			}
			if within > 0 {
				text := "{" + some("a", n) + `"x":{` + some("a", within) + `"a0":1}}`
				if _, err := readTree(text); err != notStrict {
					t.Fatalf("%d names, %d within, one of which again: %v", n, within, err)
				}
			}
		}
	}
}

// TestManyNamesAreFoundAtOnce: of as many names as there may be in a token a few are looked through, and
// all others are in a map. A stranger writes them.
func TestManyNamesAreFoundAtOnce(t *testing.T) {
	const n = 3000
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"n%d":{"a":1},`, i)
	}
	r := readerOf("{" + b.String() + `"z":1}`)
	for r.open('{'); r.next(); {
		r.skip()
		if r.seen.n > fewNames {
			t.Fatalf("%d names are looked through", r.seen.n)
		}
	}
	if err := r.end(); err != nil || len(r.seen.many) < n-fewNames {
		t.Errorf("%v, %d names are in a map", err, len(r.seen.many))
	}
}

// TestAnErrorStays: after one nothing that follows is read, whatever is asked for.
func TestAnErrorStays(t *testing.T) {
	for _, text := range []string{`{"a":x,"b":"good"}`, `{"a":1e400,"b":"good"}`, `{"a":[[[[[[[[[1]]]]]]]]],"b":"good"}`, `{"a":"\ud800","b":"good"}`} {
		r := readerOf(text)
		var names []string
		for r.open('{'); r.next(); {
			names = append(names, r.name)
			r.skip()
		}
		if !slices.Equal(names, []string{"a"}) || r.next() || r.end() == nil {
			t.Errorf("%s: %q, %v", text, names, r.err)
		}
		first := r.err
		r.view()
		r.date()
		r.confirmation()
		if r.end() != first {
			t.Errorf("%s: %v and then %v", text, first, r.err)
		}
	}
}

// TestAValueThatIsNotReadIsNoMember: code that forgets a value does not go on with the next.
func TestAValueThatIsNotReadIsNoMember(t *testing.T) {
	r := readerOf(`{"a":1,"b":2}`)
	n := 0
	for r.open('{'); r.next(); n++ {
	}
	if n != 1 || r.end() == nil {
		t.Errorf("%d members, %v", n, r.err)
	}
}

// plausible are values of claims that are no strings; "" is for none.
var plausible = map[string][]string{
	"exp": {"0", "1795000000", "1.795E9", "99999999999", "253402300799", "12.75"}, "iat": {"1795000000", "1"}, "nbf": {"1795000000", "1e3"},
	"aud": {`"api"`, `["x","api"]`, `["\u0061pi"]`, `[]`, `"x"`}, "cnf": {`{"jkt":"` + strings.Repeat("A", 43) + `"}`},
	"x": {`{"sub":"evil"}`, `[1]`}, "nonce": {""},
}

// TestClaimsAreThoseOfTheWholePayload: what is read where peekIssuer has found it is what a map of
// all claims has.
func TestClaimsAreThoseOfTheWholePayload(t *testing.T) {
	i := Issuer{Audience: "api", TenantClaim: "tenant", SessionClaim: "sid"}
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		texts := map[string]string{"iss": `"i"`}
		usual := rapid.Bool().Draw(t, "usual")
		for _, name := range []string{"sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "cnf", "tenant", "sid", "x", "nonce"} {
			form := 3
			if !usual {
				form = rapid.IntRange(0, 9).Draw(t, name)
			}
			switch form {
			case 0:
				texts[name] = value(t, 1)
			case 1, 2:
			default:
				good := plausible[name]
				if good == nil {
					good = []string{`"alice"`, `"\u0061lice"`, `"é"`}
				}
				if texts[name] = rapid.SampledFrom(good).Draw(t, name); texts[name] == "" {
					delete(texts, name)
				}
			}
		}
		var members []string
		for name, text := range texts {
			members = append(members, fmt.Sprintf("%q : %s", name, text))
		}
		payload := "{" + strings.Join(members, ",") + "}"
		_, positions, err := peekIssuer(payload, make([]memberPosition, 0, len(texts)-rapid.IntRange(0, 1).Draw(t, "too little room")))
		if err != nil {
			return
		}
		tree, err := readTree(payload)
		if err != nil || positions != nil && len(positions) != len(tree) {
			t.Fatalf("%s: %v, %v", payload, positions, err)
		}
		c, err := readClaims(payload, positions, &i)
		if whole, wholeErr := readClaims(payload, nil, &i); whole != c || err != wholeErr {
			t.Fatalf("%s: %+v, %v; read as a whole %+v, %v", payload, c, err, whole, wholeErr)
		}
		if err != nil {
			return
		}
		accepted++
		kept := c
		if kept.keep(); kept != c {
			t.Fatalf("%s: %+v is kept as %+v", payload, c, kept)
		}
		text := func(name string) string { s, _ := tree[name].(string); return s }
		date := func(name string) int64 {
			if n, there := tree[name].(number); there {
				seconds, _ := parseDate(string(n))
				return seconds
			}
			return absent
		}
		_, hasTenant := tree["tenant"]
		cnf, _ := tree["cnf"].(map[string]any)
		jkt, _ := cnf["jkt"].(string)
		list, _ := tree["aud"].([]any)
		audience := tree["aud"] == "api" || slices.Contains(list, any("api"))
		want := claims{
			user: text("sub"), tokenID: text("jti"), clientID: text("client_id"), tenantID: text("tenant"), sessionID: text("sid"),
			thumbprint: jkt, audience: audience, hasTenantID: hasTenant, times: times{date("exp"), date("iat"), date("nbf")},
		}
		if c != want {
			t.Fatalf("%s: %+v, want %+v of %v", payload, c, want, slices.Sorted(maps.Keys(tree)))
		}
	})
	if accepted == 0 && !testing.Short() { // a third of them are, of however many rapid draws
		t.Error("no payload was read to its end")
	}
}
