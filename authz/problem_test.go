package authz_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	sessiontoken "github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/crosstenant"
	"github.com/reevehq/reeve/tenant/job"
)

// exported lists every exported error of the packages whose errors can reach a handler.
var exported = map[string]error{
	"authz.ErrDenied":                          authz.ErrDenied,
	"authz.ErrHidden":                          authz.ErrHidden,
	"authz.ErrSessionExpired":                  authz.ErrSessionExpired,
	"authz.ErrSessionIdle":                     authz.ErrSessionIdle,
	"authz.ErrSessionRevoked":                  authz.ErrSessionRevoked,
	"authz.ErrTokenExpired":                    authz.ErrTokenExpired,
	"authz.ErrStreamGuardClosed":               authz.ErrStreamGuardClosed,
	"authz.ErrStarted":                         authz.ErrStarted,
	"authz.ErrNotExplained":                    authz.ErrNotExplained,
	"middleware.ErrOverloaded":                 middleware.ErrOverloaded,
	"authz.ErrNoCaller":                        authz.ErrNoCaller,
	"middleware.ErrAmbiguousRequest":           middleware.ErrAmbiguousRequest,
	"middleware.ErrAuthenticationRequired":     middleware.ErrAuthenticationRequired,
	"middleware.ErrCrossOrigin":                middleware.ErrCrossOrigin,
	"middleware.ErrForbidden":                  middleware.ErrForbidden,
	"middleware.ErrInsufficientAuthentication": middleware.ErrInsufficientAuthentication,
	"middleware.ErrInvalidRequest":             middleware.ErrInvalidRequest,
	"middleware.ErrInvalidCredential":          middleware.ErrInvalidCredential,
	"middleware.ErrInvalidValue":               middleware.ErrInvalidValue,
	"authz.ErrNotFiltered":                     authz.ErrNotFiltered,
	"middleware.ErrMisused":                    middleware.ErrMisused,
	"middleware.ErrNotFound":                   middleware.ErrNotFound,
	"middleware.ErrUnavailable":                middleware.ErrUnavailable,
	"middleware.ErrDPoPRequired":               middleware.ErrDPoPRequired,
	"session.ErrNotSuspended":                  session.ErrNotSuspended,
	"session.ErrBlocked":                       session.ErrBlocked,
	"session.ErrIssuedAhead":                   session.ErrIssuedAhead,
	"session.ErrSignedOut":                     session.ErrSignedOut,
	"session.ErrSignInTooClose":                session.ErrSignInTooClose,
	"session.ErrConflict":                      session.ErrConflict,
	"session.ErrCorrupt":                       session.ErrCorrupt,
	"session.ErrExists":                        session.ErrExists,
	"session.ErrInvalid":                       session.ErrInvalid,
	"session.ErrInvalidID":                     session.ErrInvalidID,
	"session.ErrNoDevice":                      session.ErrNoDevice,
	"session.ErrNotFound":                      session.ErrNotFound,
	"session.ErrRefreshInvalid":                session.ErrRefreshInvalid,
	"session.ErrRefreshReused":                 session.ErrRefreshReused,
	"session.ErrStale":                         session.ErrStale,
	"session.ErrTooManySessions":               session.ErrTooManySessions,
	"session.ErrImpersonating":                 session.ErrImpersonating,
	"session.ErrUnavailable":                   session.ErrUnavailable,
	"crosstenant.ErrInvalid":                   crosstenant.ErrInvalid,
	"crosstenant.ErrNotRecorded":               crosstenant.ErrNotRecorded,
	"crosstenant.ErrOver":                      crosstenant.ErrOver,
	"job.ErrExpired":                           job.ErrExpired,
	"job.ErrForged":                            job.ErrForged,
	"job.ErrInvalid":                           job.ErrInvalid,
	"tenant.ErrAlike":                          tenant.ErrAlike,
	"tenant.ErrInvalidID":                      tenant.ErrInvalidID,
	"tenant.ErrMismatch":                       tenant.ErrMismatch,
	"tenant.ErrNoScope":                        tenant.ErrNoScope,
	"tenant.ErrSuspended":                      tenant.ErrSuspended,
	"tenant.ErrUnknown":                        tenant.ErrUnknown,
	"token.ErrInvalid":                         sessiontoken.ErrInvalid,
	"token.ErrInvalidProof":                    sessiontoken.ErrInvalidProof,
	"token.ErrNonceRequired":                   sessiontoken.ErrNonceRequired,
	"token.ErrUnavailable":                     sessiontoken.ErrUnavailable,
	"token.ErrUnknownKey":                      sessiontoken.ErrUnknownKey,
}

func TestEveryExportedErrorHasAnAnswer(t *testing.T) {
	declared := map[string]bool{}
	for _, dir := range []string{".", "../middleware", "../session", "../session/token", "../tenant", "../tenant/job", "../tenant/crosstenant"} {
		for name := range exportedErrors(t, dir) {
			declared[name] = true
			err, listed := exported[name]
			if !listed {
				t.Errorf("%s is not in this test's list", name)
				continue
			}
			p, ok := middleware.FromError(err)
			if !ok || p.Status < 400 || p.Type == "" || p.Title == "" {
				t.Errorf("%s has no row in the table of problems", name)
			}
		}
	}
	for name := range exported {
		if !declared[name] {
			t.Errorf("%s is listed and does not exist", name)
		}
	}
}

func exportedErrors(t *testing.T, dir string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range f.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(id.Name, "Err") {
						found[f.Name.Name+"."+id.Name] = true
					}
				}
			}
		}
	}
	if len(found) == 0 && dir != "." {
		t.Fatalf("%s: %v", dir, fs.ErrNotExist)
	}
	return found
}
