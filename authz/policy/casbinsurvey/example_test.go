package casbinsurvey_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"

	"github.com/reevehq/reeve/authz/policy/casbinsurvey"
)

const modelText = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act`

// Two policies of one model, and who gains what.
func ExampleDiff() {
	survey := func(rows string) *casbinsurvey.Policy {
		m, err := model.NewModelFromString(modelText)
		if err != nil {
			log.Fatal(err)
		}
		e, err := casbin.NewEnforcer(m, stringadapter.NewAdapter(rows))
		if err != nil {
			log.Fatal(err)
		}
		p, err := casbinsurvey.New(e.GetModel(), e)
		if err != nil {
			log.Fatal(err)
		}
		return p
	}
	before := survey("p, alice, invoice, read")
	after := survey("p, alice, invoice, read\np, bob, invoice, read")
	report, err := casbinsurvey.Diff(before, after)
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range report.Changes {
		fmt.Println(c.Direction, strings.Join(c.Witness, " "))
	}
	// Output: wider bob invoice read
}
