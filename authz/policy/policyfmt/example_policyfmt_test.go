package policyfmt_test

import (
	"fmt"

	"github.com/reevehq/reeve/authz/policy/policyfmt"
)

// Columns are aligned, and comments stay where they are.
func ExampleSource() {
	text, err := policyfmt.Source("# notes\np,role:editor,*,/notes,GET,true,allow\np,role:anyone,*,/health,GET,true,allow\n")
	fmt.Println(err)
	fmt.Print(text)
	// Output:
	// <nil>
	// # notes
	// p, role:editor, *, /notes,  GET, true, allow
	// p, role:anyone, *, /health, GET, true, allow
}
