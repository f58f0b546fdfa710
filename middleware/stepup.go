package middleware

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// StepUpError refuses a caller who is signed in, but too long ago or by too weak a method
// for what was asked. It wraps [ErrInsufficientAuthentication], and its answer is the
// challenge of RFC 9470 §3, which tells the client how to sign the user in again.
type StepUpError struct {
	// MaxAge is how old the sign-in may be, in whole seconds. Zero asks for nothing.
	MaxAge time.Duration

	// Methods are those of which one must have been used (RFC 8176 names: "otp", "hwk").
	// They are sent as acr_values, the one parameter the RFC has for how a user signed in.
	Methods []string

	// ACR are the values of the identity provider of which one must be the session's, in its own
	// words. They are sent as acr_values.
	ACR []string
}

// Error implements error.
func (e *StepUpError) Error() string {
	return fmt.Sprintf("%v: %s", ErrInsufficientAuthentication, strings.TrimPrefix(e.parameters(), ", "))
}

// Unwrap returns [ErrInsufficientAuthentication].
func (e *StepUpError) Unwrap() error { return ErrInsufficientAuthentication }

// parameters are those of the challenge that follow the error code. Their quoted values are a
// number, names of [a-zA-Z0-9._-] and printable ASCII without spaces, quotes and backslashes.
func (e *StepUpError) parameters() string {
	var s strings.Builder
	if e.MaxAge > 0 {
		s.WriteString(`, max_age="` + strconv.FormatInt(int64(e.MaxAge/time.Second), 10) + `"`)
	}
	if values := slices.Concat(e.Methods, e.ACR); len(values) > 0 {
		s.WriteString(`, acr_values="` + strings.Join(values, " ") + `"`)
	}
	return s.String()
}
