//go:build rivals

package bench

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"
)

// cedarMost is the largest policy for which cedar-go takes no minutes.
const cedarMost = 10_000

func cedarGo(b *testing.B, w population) decider {
	var text strings.Builder
	entities := cedar.EntityMap{}
	for i := range w.rules {
		t, r, d := parts(i)
		fmt.Fprintf(&text, "permit(principal in Role::\"t%d/r%d\", action == Action::\"read\", resource == Doc::\"t%d/d%d-%d\");\n", t, r, t, r, d)
		if d == 0 {
			user := cedar.NewEntityUID("User", cedar.String(fmt.Sprintf("t%d/u%d-%d", t, t, r)))
			role := cedar.NewEntityUID("Role", cedar.String(fmt.Sprintf("t%d/r%d", t, r)))
			entities[user] = cedar.Entity{UID: user, Parents: cedar.NewEntityUIDSet(role)}
		}
	}
	set, err := cedar.NewPolicySetFromBytes("bench.cedar", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	action := cedar.NewEntityUID("Action", "read")
	return func(q *query) bool {
		decision, _ := cedar.Authorize(set, entities, cedar.Request{
			Principal: cedar.NewEntityUID("User", cedar.String(q.tenant+"/"+q.user)),
			Action:    action,
			Resource:  cedar.NewEntityUID("Doc", cedar.String(q.tenant+"/"+q.object)),
		})
		return decision == cedar.Allow
	}
}
