package main

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
)

// realm names the service in challenges.
const realm = "quickstart"

// refusal is an error of this service that has an answer of its own, in the same form as
// those of Reeve.
type refusal struct{ middleware.Problem }

func (r refusal) Error() string { return r.Type }

var (
	errSignIn = refusal{middleware.Problem{Status: http.StatusUnauthorized, Type: "/problems/sign-in-refused",
		Title: "Tenant, user or password is wrong", Challenge: middleware.Challenge{Sent: true}}}
	errForm = refusal{middleware.Problem{Status: http.StatusBadRequest, Type: "/problems/invalid-form",
		Title: "Send each field of the form once and nothing else"}}
	errInvoice = refusal{middleware.Problem{Status: http.StatusBadRequest, Type: "/problems/invalid-invoice",
		Title: "Send customer (text), amount (whole cents above 0) and status (draft, sent or paid), nothing else"}}
	errPage = refusal{middleware.Problem{Status: http.StatusBadRequest, Type: "/problems/invalid-page",
		Title: "Send after as the id of an invoice, once"}}
	errMediaType = refusal{middleware.Problem{Status: http.StatusUnsupportedMediaType, Type: "/problems/unsupported-media-type",
		Title: "The body is of another media type than this route takes"}}
	errTooLarge = refusal{middleware.Problem{Status: http.StatusRequestEntityTooLarge, Type: "/problems/too-large",
		Title: "The body is too large"}}
	errMethod = refusal{middleware.Problem{Status: http.StatusMethodNotAllowed, Type: "/problems/method-not-allowed",
		Title: "This cannot be done here"}}
	errBusy = refusal{middleware.Problem{Status: http.StatusServiceUnavailable, Type: "/problems/busy",
		Title: "The data is busy, try again", RetryAfter: 1}}
	errNotReady = refusal{middleware.Problem{Status: http.StatusServiceUnavailable, Type: "/problems/not-ready",
		Title: "The session store cannot be reached", RetryAfter: 1}}
	errInternal = refusal{middleware.Problem{Status: http.StatusInternalServerError, Type: "/problems/internal-error",
		Title: "Something went wrong here"}}
)

// problem returns the answer to an error. An error that it does not know is an internal one: the
// text of an error never reaches a client.
func problem(err error) middleware.Problem {
	var own refusal
	if errors.As(err, &own) {
		return own.Problem
	}
	if p, ok := middleware.FromError(err); ok {
		return p
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return errTooLarge.Problem
	}
	if busy(err) {
		return errBusy.Problem
	}
	var routing *echo.HTTPError
	if errors.As(err, &routing) {
		switch routing.Code {
		case http.StatusNotFound:
			p, _ := middleware.FromError(middleware.ErrNotFound)
			return p
		case http.StatusMethodNotAllowed:
			return errMethod.Problem
		}
	}
	return errInternal.Problem
}
