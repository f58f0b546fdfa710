package authz

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/reevehq/reeve/middleware"
)

// Requirement is a demand of a route on its requests beside a rule: it returns nil for a request
// that may go on, with the writer to go on with, and otherwise an error to answer. Doors make
// middleware of it: [RequireMaxAge], [RequireAMR], [RequireACR], [RequireDPoP], [Stream] and [SameOrigin] for
// Echo, and those of package httpauthz for net/http.
type Requirement func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, error)

// BoundToken returns the [Requirement] that the caller came with a token that is bound to their
// key, and its proof (RFC 9449). Others are answered 401 with a DPoP challenge. It needs the
// field DPoP of [Config]; without it nobody gets through.
func BoundToken() Requirement {
	return func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, error) {
		caller, ok := FromContext(r.Context())
		switch {
		case !ok || caller.guard == nil:
			return w, ErrNoCaller
		case caller.IsAnonymous():
			return w, middleware.ErrAuthenticationRequired
		case caller.Thumbprint() == "":
			return w, middleware.ErrDPoPRequired
		}
		return w, nil
	}
}

// SignInOrigin returns the [Requirement] of a route that signs users in by setting a cookie. It
// refuses requests that another site made a browser send, with 403, whether they carry a
// cookie or not: see [middleware.CheckSignIn].
//
// origins are those of other pages that may sign users in here, such as
// "https://accounts.example.com". It panics on one that is no origin.
func SignInOrigin(origins ...string) Requirement {
	if len(origins) > 0 {
		if err := (&middleware.CORS{Origins: origins}).Validate(); err != nil {
			panic(fmt.Sprintf("authz: SignInOrigin: %v", err))
		}
	}
	origins = slices.Clone(origins)
	return func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, error) {
		return w, middleware.CheckSignIn(r, origins...)
	}
}

// ObjectCheck returns the [Requirement] that the caller may do action to the object that the
// request is about: see [Check]. object finds it, with the tenant that is stored with it; its
// error is returned as it is, and denies.
func ObjectCheck(action Action, object func(r *http.Request) (Object, error)) Requirement {
	return func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, error) {
		obj, err := object(r)
		if err == nil {
			_, err = Check(r.Context(), action, obj)
		}
		return w, err
	}
}
