package policy_test

import (
	"fmt"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// Rows of a table become objects in one line. A column that is NULL or was not selected is a
// missing attribute, and a rule that compares it does not allow.
func ExampleNewMapper() {
	type Task struct {
		ID      int64     `authz:"id"`
		Org     tenant.ID `authz:"tenant"`
		Owner   *string   `authz:"owner"`
		Private *bool     `authz:"private"`
	}
	tasks, err := policy.NewMapper[Task]("task")
	if err != nil {
		panic(err)
	}
	owner := "alice"
	row := Task{ID: 7, Org: tenant.MustParse("acme"), Owner: &owner} // scanned without the column private
	task := tasks.Object(&row)
	fmt.Println(task.Type, task.ID, task.Tenant)
	fmt.Println(task.Attributes.Get("owner"))
	fmt.Println(task.Attributes.Get("private"))
	// Output:
	// task 7 acme
	// alice true
	// <nil> false
}
