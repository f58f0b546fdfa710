package policyrls_test

import (
	"fmt"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/tenant/rls"
)

// The database asks the policy too: each statement carries who asks, signed, and the rows are those
// that the policy allows, whatever the SQL says.
func ExampleNewContext() {
	var (
		engine *policy.Engine
		signer *rls.Signer
	)
	notes := policy.RLSConfig{Type: "note", Table: "app.note", App: "app", Select: "read", Update: "update"}
	script, err := policyrls.SQL(engine, notes)
	if err != nil {
		panic(err)
	}
	fmt.Println(script) // run it as the owner of the table, after rls.Generate's

	scope, err := policyrls.NewContext(policyrls.Config{Signer: signer, Engine: engine, Types: []policy.RLSConfig{notes}, Caller: authz.RequestOf})
	if err != nil {
		panic(err)
	}
	_ = scope // pgxscope.Config{Context: scope, …}
}
