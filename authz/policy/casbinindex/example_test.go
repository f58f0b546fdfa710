package casbinindex_test

import (
	"fmt"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

// A service that has a Casbin enforcer changes the line that asks it.
func ExampleNew() {
	m, err := model.NewModelFromString(exactModel)
	if err != nil {
		panic(err)
	}
	enforcer, err := casbin.NewEnforcer(m)
	if err != nil {
		panic(err)
	}
	if _, err := enforcer.AddPolicy("admin", "tenant1", "data1", "read"); err != nil {
		panic(err)
	}
	if _, err := enforcer.AddGroupingPolicy("alice", "admin", "tenant1"); err != nil {
		panic(err)
	}

	index, err := casbinindex.New(enforcer.GetModel(), casbinindex.Config{})
	if err != nil {
		panic(err)
	}
	fmt.Println(index.EnforceEx("alice", "tenant1", "data1", "read"))
	fmt.Println(index.Enforce("alice", "tenant2", "data1", "read"))
	fmt.Print(index.Plan())
	// Output:
	// true [admin tenant1 data1 read] <nil>
	// false <nil>
	// 1 rules, 0 of them scanned
	// by look-up: g(r.sub, p.sub)
	// by look-up: r.act == p.act
	// by look-up: r.dom == p.dom
	// by look-up: r.obj == p.obj
}
