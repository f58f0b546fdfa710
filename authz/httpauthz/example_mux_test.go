package httpauthz_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// A service on net/http: two routes, one of which asks for a recent sign-in. The files in
// policies/ have a rule for each, and Verify refuses a service that they do not match.
func ExampleNewMux() {
	engine, err := policy.Load(os.DirFS("testdata/policies"), policy.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	sessions, err := session.NewManager(memstore.New(), session.Config{Key: session.NewSecretKey([]byte("for an example alone, 32 bytes!!"))})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux, err := httpauthz.NewMux(authz.Config{Tokens: new(token.Verifier), Sessions: sessions, Policy: engine})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) error {
		_, err := fmt.Fprintln(w, "ok")
		return err
	})
	stored := tenant.MustParse("acme") // with the invoice
	mux.HandleFunc("POST /payments/{id}", func(_ http.ResponseWriter, r *http.Request) error {
		_, err := authz.Check(r.Context(), "pay", authz.Object{Type: "invoice", ID: r.PathValue("id"), Tenant: stored})
		return err
	}, authz.MaxAge(5*time.Minute))
	fmt.Println("verified:", httpauthz.Verify(mux, mux, engine) == nil)

	for _, target := range []string{"/health", "/health/", "/payments/7"} {
		method := http.MethodGet
		if target == "/payments/7" {
			method = http.MethodPost
		}
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest(method, target, nil))
		fmt.Println(method, target, rec.Code)
	}

	mux.HandleFunc("GET /forgotten", func(http.ResponseWriter, *http.Request) error { return nil })
	var found *authz.VerifyError
	if err := httpauthz.Verify(mux, mux, engine); errors.As(err, &found) {
		fmt.Println("without a rule:", found.Unruled[0].Route)
	}
	// Output:
	// verified: true
	// GET /health 200
	// GET /health/ 401
	// POST /payments/7 401
	// without a rule: GET /forgotten
}
