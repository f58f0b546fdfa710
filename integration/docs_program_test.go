package integration_test

import (
	"fmt"
	"strings"
	"testing"
)

// preamble stands before the blocks that are part of a function.
const preamble = `package pages

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"
	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/filepolicy"
	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/service/fleet"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/introspect"
	"github.com/reevehq/reeve/session/token/jwks"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/crosstenant"
	"github.com/reevehq/reeve/tenant/job"
	"github.com/reevehq/reeve/tenant/redisscope"
	"github.com/reevehq/reeve/tenant/rls"
	"github.com/reevehq/reeve/tenant/tenanttest"
)

// The blocks use parts of the packages above that vary.
var (
	_ = authz.Must[int]
	_ authztest.Options
	_ middleware.DPoP
	_ netip.Prefix
	_ time.Duration
	_ redispolicy.Publication
	_ casbinindex.Plan
	_ httpauthz.Mux
	_ filepolicy.Stats
	_ cachestore.Stats
	_ introspect.Config
	_ jwks.Config
	_ policytest.Case
	_ policyrls.Config
	_ fleet.Stats
	_ condition.Op
	_ crosstenant.Visit
	_ job.Job
	_ redisscope.Stats
	_ rls.Finding
	_ tenanttest.Finding
	_ = fmt.Sprint
	_ = errors.Is
	_ = slog.Info
	_ = http.StatusOK
	_ = os.DirFS
)

`

// fragment surrounds one of them. Errors of the compiler name the page and its line.
const fragment = `
func handle%d(t *testing.T, ctx context.Context, c echo.Context, e *echo.Echo, pay, events echo.HandlerFunc,
	tokens *token.Verifier, sessions *session.Manager, engine *policy.Engine, store *redisstore.Store,
	enforcer *casbin.Enforcer, err error, secret session.SecretKey, client redis.UniversalClient, public ed25519.PublicKey,
	signer *token.Signer, key session.SecretKey, s session.Session, acme tenant.ID, alice session.UserID, document []byte,
	guard *authz.Guard, owner, app *sql.DB, single *redis.Client, cache *redisscope.Client, sealer *job.Sealer, gate *crosstenant.Gate,
	limit *middleware.SignInLimit, caller *authz.Caller, password string, matches func(string) bool,
	inv struct{ Tenant tenant.ID; Owner, Status string }) error {
	{
//line %s:%d
%s
	}
	return nil
}
`

// TestFragmentsCompile compiles the blocks of Go that are no program.
func TestFragmentsCompile(t *testing.T) {
	source, n := preamble, 0
	for _, p := range pages(t) {
		for _, b := range p.of("go", "") {
			if !b.isProgram() {
				n++
				source += fmt.Sprintf(fragment, n, b.page, b.line, b.text)
			}
		}
	}
	if n < 25 {
		t.Errorf("%d blocks", n)
	}
	goIn(t, moduleOf(t, "integration", map[string]string{"pages.go": source}), "build", "./...")
}

// TestProgramsOfThePages builds the programs whose files pages show, and runs the tests among
// them.
func TestProgramsOfThePages(t *testing.T) {
	programs := 0
	for _, p := range pages(t) {
		files, tests := map[string]string{}, 0
		for _, b := range p.blocks {
			if !b.isFile() {
				continue
			}
			files[b.note] += b.text
			tests += strings.Count(b.text, "\nfunc Test")
		}
		if len(files) == 0 {
			continue
		}
		programs++
		t.Run(p.name, func(t *testing.T) {
			if tests == 0 {
				t.Error("the program of the page has no test")
			}
			for name, f := range policyOf(p) {
				files["policies/"+name] = string(f.Data)
			}
			dir := moduleOf(t, "examples", files)
			goIn(t, dir, "vet", "./...")
			goIn(t, dir, "test", "-count=1", "./...")
		})
	}
	if programs == 0 {
		t.Error("no page shows a program")
	}
}
