package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// many is a policy of n rules: 100 roles, and as many types as it takes.
func many(n int) string {
	var b strings.Builder
	b.WriteString("g, role:r0, role:r1, *\ng, role:r1, role:r2, *\n")
	for i := range n {
		cond := "true"
		if i%4 == 1 {
			cond = "r.obj.id != r.sub.id"
		}
		fmt.Fprintf(&b, "p, role:r%d, *, t%d, read, %s, allow\n", i%100, i/100, cond)
	}
	return b.String()
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		e := mustLoad(b, folder(map[string]string{"policy.csv": many(n)}))
		allow := asks("alice", "read", policy.Object{Type: fmt.Sprintf("t%d", n/200), ID: "1"}, "r50")
		condition := asks("alice", "read", policy.Object{Type: fmt.Sprintf("t%d", n/200), ID: "1"}, "r0")
		deny := asks("alice", "read", policy.Object{Type: fmt.Sprintf("t%d", n/200), ID: "1"}, "stranger")
		for name, r := range map[string]policy.Request{"allow": allow, "three roles": condition, "deny": deny} {
			b.Run(fmt.Sprintf("%d rules/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					d, err := e.Decide(b.Context(), r)
					if err != nil || d.Allowed() != (name != "deny") {
						b.Fatal(d, err)
					}
				}
			})
		}
	}
}

// Conditions of the usual forms, all of whose attributes are there.
func BenchmarkDecideCondition(b *testing.B) {
	for name, text := range map[string]string{
		"ids":   "r.obj.id != r.sub.id",
		"owner": "r.obj.owner == r.sub.id",
		"and":   "r.obj.owner == r.sub.id && r.obj.size < 10 && r.obj.status in ('draft', 'paid')",
		"or":    "r.obj.public || r.sub.dept in r.obj.tags || r.obj.size >= 5 && r.sub.level > 2",
		"hour":  "r.env.hour >= 0 && r.env.hour < 24",
	} {
		e := mustLoad(b, with(`p, role:editor, *, doc, read, "`+text+`", allow`))
		r := asks("alice", "read", policy.Object{Type: "doc", ID: "1", Attributes: policy.Values{
			"owner": "alice", "size": int64(7), "status": "paid", "public": false, "tags": []string{"a", "b"}}}, "editor")
		r.Subject.Attributes = policy.Values{"dept": "x", "level": int64(3)}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d, err := e.Decide(b.Context(), r)
				if err != nil || !d.Allowed() {
					b.Fatal(d, err)
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	fsys := folder(map[string]string{"policy.csv": many(100_000)})
	for b.Loop() {
		mustLoad(b, fsys)
	}
}
