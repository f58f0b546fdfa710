// Package job carries work of a tenant through a queue, so that a writer to the queue cannot choose
// the tenant.
//
// A [Sealer] signs a [Job] for the tenant of the context that it is made in, and gives the
// worker a context that is bound to the same tenant, if that may be served by then:
//
//	sealed, err := sealer.Seal(ctx, job.New{Subject: user.String(), Payload: payload})
//
//	ctx, j, err := sealer.Open(ctx, sealed) // in the worker
//	ctx, err = guard.As(ctx, authz.Principal{Tenant: j.Tenant, User: user, Roles: rolesOf(user)})
//
// The envelope is signed and not encrypted: everybody who reads the queue reads the payload. It
// can be opened again until it expires, since queues deliver again: a worker that must do a job
// once remembers [Job].ID.
package job

import (
	"errors"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// Errors of [Sealer.Open]. Beside these it returns [tenant.ErrSuspended], for a job to be parked
// until its tenant is active again, [tenant.ErrUnknown], for one to be dropped, since its tenant
// is gone, and any other error for one to be tried again: the status could not be had.
var (
	// ErrForged means that no key of the Sealer has signed the envelope, or that it was changed,
	// cut or signed for another queue. Such a job belongs to nobody and must not be run.
	ErrForged = errors.New("job: not signed by a key of this queue")

	// ErrExpired means that the envelope was genuine and its time is up, or has not come.
	ErrExpired = errors.New("job: expired")

	// ErrInvalid means that there is no such job to be sealed, since a field is missing or too
	// long, or that the Sealer cannot do it.
	ErrInvalid = errors.New("job: invalid")
)

// Limits of a job.
const (
	MaxSubjectLength  = 255     // bytes, as of a session.UserID
	MaxRevisionLength = 128     // bytes
	MaxPayload        = 1 << 20 // bytes
	MaxLifetime       = 30 * 24 * time.Hour
)

// skew is how far the clocks of two machines may be apart.
const skew = time.Minute

// New describes a job to [Sealer.Seal]. The tenant is that of its context.
type New struct {
	Subject  string // the user whose job it is, or a name of the service's own; required
	Revision string // of the policy by which it was allowed, for the log of the worker; may be ""
	Payload  []byte // at most [MaxPayload]
}

// Job is the content of a genuine envelope.
type Job struct {
	ID       string // 128 random bits, the same each time the envelope is opened
	Tenant   tenant.ID
	Subject  string
	Revision string
	Issued   time.Time // to the second, as Expires
	Expires  time.Time
	Payload  []byte
}

// Disposition tells a worker what to do with a job that [Sealer.Open] did not open.
type Disposition uint8

// The dispositions. The zero Disposition is to try again, which loses nothing.
const (
	Retry  Disposition = iota // later: an outage, or a mistake of the worker
	Park                      // until the tenant is active again
	Drop                      // for good: its time is up, or its tenant is gone
	Reject                    // to the dead letters, and tell somebody: it is forged
)

// String returns "retry", "park", "drop" or "reject".
func (d Disposition) String() string {
	return [...]string{"retry", "park", "drop", "reject"}[min(d, Reject)]
}

// DispositionOf returns what to do after an error of [Sealer.Open].
func DispositionOf(err error) Disposition {
	switch {
	case errors.Is(err, ErrForged):
		return Reject
	case errors.Is(err, ErrExpired), errors.Is(err, tenant.ErrUnknown):
		return Drop
	case errors.Is(err, tenant.ErrSuspended):
		return Park
	}
	return Retry
}
