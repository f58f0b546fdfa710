//go:build unix

package filters_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

type gen struct{ *rand.Rand }

func pick[T any](g gen, of ...T) T { return of[g.IntN(len(of))] }

var (
	ownText = []string{"r.obj.owner", "r.obj.owner", "r.obj.status", "r.obj.reviewer", "r.obj.reviewer", "r.obj.id", "r.obj.project.owner", "r.obj.project.status"}
	subText = []string{"r.sub.id", "r.sub.dept", "r.env.ip"}
	ownNum  = []string{"r.obj.size", "r.obj.parts", "r.obj.score", "r.obj.project.size"}
	subNum  = []string{"r.sub.level", "r.sub.ratio", "r.env.hour"}
	ownList = []string{"r.obj.tags", "r.obj.tags", "r.obj.members", "r.obj.leads", "r.obj.project.members"}
	subList = []string{"r.sub.roles", "r.sub.regions"}
	ownBool = []string{"r.obj.public", "r.obj.locked"}
	ownTime = []string{"r.obj.due", "r.obj.made"}
)

// function is one that looks into a text for another.
func (g gen) function() string { return pick(g, "startsWith", "endsWith", "contains") }

func (g gen) literal() string {
	return pick(g, "'alice'", "'bob'", "'draft'", "'Draft'", "'paid'", "''", "'é'", "'ß'", "'a/'", "'z'", "'Z'", `'\''`, `'\"'`, `'\\'`, "'%'", "'$1'", "'ä'", "'a'", "'editor'")
}

func (g gen) number() string {
	return pick(g, "0", "1", "2", "3", "-1", "1.5", "-0.5", "0.1", "2.0")
}

func (g gen) when() string {
	return pick(g, "'1970-01-01T00:00:00Z'", "'2026-11-22T22:00:00Z'", "'1969-12-31T23:59:59Z'", "'2026-11-22T23:00:00+01:00'")
}

func (g gen) list(one func() string) string {
	out := []string{one()}
	for g.IntN(3) > 0 {
		out = append(out, one())
	}
	return "(" + strings.Join(out, ", ") + ")"
}

// leaf returns a comparison of each form in which an attribute of the object stands.
func (g gen) leaf() string {
	op := pick(g, " == ", " != ", " < ", " <= ", " > ", " >= ")
	eq := pick(g, " == ", " != ")
	text, num, list := pick(g, ownText...), pick(g, ownNum...), pick(g, ownList...)
	switch g.IntN(22) {
	case 0:
		return text + op + g.literal()
	case 1:
		return g.literal() + op + text
	case 2:
		return text + pick(g, op, eq) + pick(g, subText...)
	case 3:
		return g.own(text, ownText, pick(g, op, eq))
	case 4:
		return num + op + g.number()
	case 5:
		return pick(g, subNum...) + op + num
	case 6:
		return g.own(num, ownNum, op)
	case 7:
		return pick(g, "", "!") + pick(g, ownBool...)
	case 8:
		return pick(g, ownBool...) + eq + pick(g, "true", "false", "r.sub.staff", "r.obj.public", "r.obj.locked")
	case 9:
		return text + " in " + g.list(g.literal)
	case 10:
		return num + " in " + g.list(func() string { return strings.TrimPrefix(g.number(), "-") })
	case 11:
		return pick(g, g.literal(), pick(g, subText...)) + " in " + list
	case 12:
		return pick(g, "r.obj.owner", "r.obj.reviewer", "r.obj.status") + " in " + pick(g, "r.obj.tags", "r.obj.members", "r.obj.leads")
	case 13:
		return text + " in " + pick(g, subList...)
	case 14:
		return "containsAny(" + list + ", " + pick(g, "r.sub.roles", "r.sub.regions", "('alice', 'é')") + ")"
	case 15:
		if g.IntN(2) == 0 {
			return "containsAll(" + pick(g, subList...) + ", " + list + ")"
		}
		return "containsAll(" + list + ", " + pick(g, "r.sub.roles", "r.sub.regions", "('alice', 'bob')") + ")"
	case 16:
		return g.function() + "(" + text + ", " + pick(g, g.literal(), pick(g, subText...)) + ")"
	case 17:
		return g.function() + "(" + pick(g, g.literal(), "r.sub.id", pick(g, "r.obj.owner", "r.obj.status")) + ", " + pick(g, "r.obj.owner", "r.obj.reviewer") + ")"
	case 18:
		return pick(g, ownTime...) + op + pick(g, g.when(), g.when(), "r.sub.since", "r.env.time", pick(g, ownTime...))
	case 20:
		size, n, order := "size("+list+")", pick(g, "1", "2", "0.5", "1.5", "3"), pick(g, " < ", " <= ", " > ", " >= ")
		return pick(g, size+eq+pick(g, "0", "1", "2"), size+order+n, n+order+size)
	case 19:
		return "has(" + pick(g, "r.obj, 'owner'", "r.obj, 'size'", "r.obj, 'score'", "r.obj, 'due'", "r.obj, 'project'", "r.obj, 'public'", "r.obj, 'code'") + ")"
	}
	return pick(g, "isNull(r.obj, 'reviewer')", "isNull(r.obj, 'parts')", "isNull(r.obj, 'locked')", "isNull(r.obj, 'made')",
		"r.obj.code == '6ba7b810-9dad-11d1-80b4-00c04fd430c8'", "r.obj.code != '00000000-0000-0000-0000-000000000000'", "r.obj.code in ('00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff')", "r.obj.code == r.obj.owner", "r.obj.code != r.obj.reviewer")
}

// own compares two columns.
func (g gen) own(a string, of []string, op string) string { return a + op + pick(g, of...) }

func (g gen) condition(depth int) string {
	if depth == 0 || g.IntN(4) == 0 {
		return g.leaf()
	}
	switch g.IntN(5) {
	case 0, 1:
		return "(" + g.condition(depth-1) + ") && (" + g.condition(depth-1) + ")"
	case 2, 3:
		return "(" + g.condition(depth-1) + ") || (" + g.condition(depth-1) + ")"
	}
	return "!(" + g.condition(depth-1) + ")"
}

func csvQuote(s string) string {
	if !strings.ContainsAny(s, `,"`) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// grants give alice and bob their roles: viewer through editor.
const grants = `
g, user:alice, role:editor, *
g, role:editor, role:viewer, *
g, user:bob, role:viewer, *
`

// policy returns rules about doc, few of whose answers are none or all.
func (g gen) policy() string {
	var b strings.Builder
	for i := range 2 + g.IntN(5) {
		effect := "allow"
		if i > 0 && g.IntN(3) == 0 {
			effect = "deny"
		}
		depth := 2
		if i == 0 {
			depth = 1
		}
		object := pick(g, "doc", "doc", "doc", "doc:a/*", "doc:*", "doc:x3", "doc:1", "doc:a:*", "*")
		text := g.condition(depth)
		if object == "*" {
			text = pick(g, "true", "r.env.mfa", "r.sub.level > 1")
			if effect == "deny" {
				text = "r.env.mfa && r.sub.level > 1"
			}
		} else if g.IntN(8) == 0 && object != "doc" {
			text = "true"
		}
		fmt.Fprintf(&b, "p, %s, %s, %s, %s, %s, %s\n", pick(g, "role:authenticated", "role:viewer", "role:editor", "user:alice", "role:anyone"), pick(g, "*", "acme"), object, pick(g, "read", "read", "*"), csvQuote(text), effect)
	}
	return b.String() + grants
}

// request returns a caller who asks.
func (g gen) request() policy.Request {
	sub, env := policy.Values{}, policy.Values{"mfa": g.IntN(2) == 0, "ip": pick(g, "10.0.0.1", "é"), "hour": 1 + g.IntN(2), "time": int64(1795384800)}
	for name, of := range map[string][]any{
		"dept": {"draft", "é", "Alice", strings.Repeat("x", 4097)}, "level": {int64(1), int64(2)}, "ratio": {1.5, 0.1, 2.0},
		"staff": {true, false}, "regions": {[]string{}, []string{"alice", "é"}, []string{"draft", "", "paid"}}, "since": {time.Unix(1795384800, 0), time.Unix(0, 0)},
	} {
		if g.IntN(8) > 0 {
			sub[name] = of[g.IntN(len(of))]
		}
	}
	return policy.Request{Tenant: acme, Subject: policy.Subject{ID: pick(g, "alice", "alice", "bob"), Attributes: sub}, Action: "read", Object: policy.Object{Type: "doc"}, Env: env}
}
