package authzen_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/reevehq/reeve/authz/authzen"
)

// The answer is a decision or 400 whatever is sent, and a body that the standard library cannot read
// as one value is no decision.
func FuzzEvaluations(f *testing.F) {
	good := body(user("alice"), act("write"), note("1"))
	for _, s := range []string{good, `{"evaluations":[` + good + `,{}]}`, `{"subject":1}`, `{"a":1,"a":2}`, "[[[[", "\xff", `{"options":{"evaluations_semantic":"deny_on_first_deny"}}`} {
		f.Add(s)
	}
	var w *fixture
	var gateway string
	f.Fuzz(func(t *testing.T, text string) {
		if w == nil {
			w = notes(t)
			gateway = w.signIn(acme, "gw", "gateway")
		}
		w.t = t
		for _, path := range []string{authzen.PathEvaluation, authzen.PathEvaluations, authzen.PathSearchAction} {
			rec := w.post(gateway, path, text)
			if rec.Code != http.StatusOK && rec.Code != http.StatusBadRequest {
				t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
			}
			if rec.Code == http.StatusOK && (!json.Valid([]byte(text)) || !json.Valid(rec.Body.Bytes())) {
				t.Fatalf("%s: %q is answered %s", path, text, rec.Body)
			}
		}
	})
}
