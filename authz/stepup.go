package authz

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// clockSkew is how far ahead the clock may be that noted when the user signed in.
const clockSkew = time.Minute

// maxACR is how long one value of [ACR] may be, in bytes.
const maxACR = 255

// MaxAge returns the [Requirement] that the user signed in no longer ago than maxAge, as before a
// payment or a change of password. The refusal is the challenge of RFC 9470: 401 with
// error="insufficient_user_authentication" and max_age. The session's AuthTime counts; a zero one,
// and one more than a minute in the future, is too old. It is zero for the session of a provider
// whose tokens do not say when the user signed in.
//
// maxAge is in whole seconds. Like Echo's own middleware it panics on a config that cannot
// be meant: less than a second.
func MaxAge(maxAge time.Duration) Requirement {
	if maxAge < time.Second || maxAge%time.Second != 0 {
		panic(fmt.Sprintf("authz: MaxAge: %v is not whole seconds, at least one", maxAge))
	}
	refusal := &middleware.StepUpError{MaxAge: maxAge}
	return signInRequirement(refusal, func(s session.Session) bool {
		age := time.Since(s.AuthTime)
		return !s.AuthTime.IsZero() && age <= maxAge && age >= -clockSkew
	})
}

// AMR returns the [Requirement] that the session's AMR has one of the methods: AMR("otp", "hwk")
// asks for a second factor. Use it twice to ask for two. The refusal is the challenge of RFC
// 9470: 401 with error="insufficient_user_authentication", and the methods as acr_values. It
// panics without a method, and on one that no session can have.
func AMR(methods ...string) Requirement {
	if _, err := session.NewMethods(methods...); err != nil || len(methods) == 0 {
		panic(fmt.Sprintf("authz: AMR: %q are not methods: %v", methods, err))
	}
	methods = slices.Clone(methods)
	refusal := &middleware.StepUpError{Methods: methods}
	return signInRequirement(refusal, func(s session.Session) bool {
		return slices.ContainsFunc(methods, s.AMR.Has)
	})
}

// ACR returns the [Requirement] that the user signed in at their identity provider by one of its
// classes: ACR("phr") where that is the acr claim by which the provider says that a second factor
// was used. It is the acr of the newest token of the session, where the issuer's Foreign.ACR says
// where it stands; a session that no provider has made has none. The refusal is the challenge of
// RFC 9470: 401 with error="insufficient_user_authentication", and the values as acr_values,
// which the client hands to the provider. It panics without a value, and on one that cannot stand
// in a challenge.
func ACR(values ...string) Requirement {
	for _, value := range values {
		if value == "" || len(value) > maxACR || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			panic(fmt.Sprintf("authz: ACR: %q is not printable ASCII without spaces, quotes and backslashes", value))
		}
	}
	if len(values) == 0 {
		panic("authz: ACR: no value")
	}
	values = slices.Clone(values)
	refusal := &middleware.StepUpError{ACR: values}
	return signInRequirement(refusal, func(s session.Session) bool {
		return slices.Contains(values, s.Provider.Claims().ACR)
	})
}

// signInRequirement refuses a request whose session does not satisfy enough. An anonymous caller
// has to sign in first.
func signInRequirement(refusal error, enough func(session.Session) bool) Requirement {
	decide := func(caller *Caller) error {
		s, signedIn := caller.Session()
		switch {
		case !signedIn:
			return middleware.ErrAuthenticationRequired
		case caller.life.origin == fromEdge:
			return fmt.Errorf("%w: how the user signed in counts", errEdge)
		case !enough(s):
			return refusal
		}
		return nil
	}
	return func(w http.ResponseWriter, r *http.Request) (http.ResponseWriter, error) {
		caller, ok := FromContext(r.Context())
		if !ok || caller.guard == nil {
			return w, ErrNoCaller
		}
		start := time.Now()
		err := decide(caller)
		caller.guard.observe(r.Context(), Event{
			Kind:    SignInDecision,
			Action:  routeAction(r.Method),
			Object:  caller.route,
			Err:     err,
			Elapsed: time.Since(start),
		}, caller)
		return w, err
	}
}
