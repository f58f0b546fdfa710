// Package review says who may do what by a policy, and since when, as auditors ask for each
// quarter, in a form that is signed.
//
//	r, err := review.New(review.Input{Name: "billing", Policy: p, Revision: revision, History: history, At: time.Now()})
//	file, err := r.Sign(key)
//
//	r, err = review.Verify(file, keys) // by whoever reads it later
//
// Each [Entry] is requests that are allowed, all of them together are every request that is, and
// Since says how long: at each publication of the history since then every request of the entry
// was allowed, as far as conditions that were the same say. Where only a part of an entry is new, the
// entry counts as new. A history that lacks a publication can make a time too early: somebody who can
// write to Redis can leave one out, and can neither add nor change one. Roles that a service gives to
// sessions from its own database are not known to a policy: an entry then names the role, and
// [Review.Grants] only who has it by a g row.
package review

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/authz/policy/impact"
)

// ErrInvalid means that an input is incomplete.
var ErrInvalid = errors.New("review: invalid")

// Published is a policy as it was published.
type Published struct {
	Policy   *impact.Policy
	Revision string
	Sequence uint64
	At       time.Time
}

// Input is the input of a review. Policy, Revision and At are required.
type Input struct {
	Name     string         // of the policy, "" for none
	Policy   *impact.Policy // that is reviewed
	Revision string
	Tenant   string // "" is all of them
	At       time.Time

	// History lists the publications, newest first and without gaps. Its first is the policy
	// that is reviewed; otherwise, and where there is none, nothing is known of the time.
	History []Published

	// Tenants is when the last tenant published rows of its own that Policy has beside the files
	// of its revision, and Alone is the policy without them. Everything that such rows allow is
	// allowed since then. Nil and zero for none.
	Alone   *impact.Policy
	Tenants time.Time
}

// Review is who may do what.
type Review struct {
	Name     string    `json:"name,omitempty"`
	Revision string    `json:"revision"`
	Tenant   string    `json:"tenant,omitempty"`
	At       time.Time `json:"at"`

	// Sequence and PublishedAt are those of the publication, zero when it is not published.
	Sequence    uint64    `json:"sequence,omitempty"`
	PublishedAt time.Time `json:"published_at,omitzero"`

	// KnownFrom is the time of the oldest publication that is known, zero for none.
	KnownFrom time.Time `json:"known_from,omitzero"`

	Entries []Entry `json:"entries"`
	Grants  []Grant `json:"grants"`
}

// Since says how long something is so. The zero Since is unknown.
type Since struct {
	// At is when the publication was made since which it is so, zero when nothing is known.
	At       time.Time `json:"at,omitzero"`
	Revision string    `json:"revision,omitempty"`

	// OrBefore says that it was so already at the oldest publication that is known.
	OrBefore bool `json:"or_before,omitempty"`
}

// String returns "2026-11-27T06:30:00Z", "2026-11-27T06:30:00Z or before" or "unknown".
func (s Since) String() string {
	switch {
	case s.At.IsZero():
		return "unknown"
	case s.OrBefore:
		return s.At.UTC().Format(time.RFC3339) + " or before"
	}
	return s.At.UTC().Format(time.RFC3339)
}

// Entry is requests that are allowed.
type Entry struct {
	Who     string `json:"who"`
	Tenants string `json:"tenants"`
	Actions string `json:"actions"`
	Objects string `json:"objects"`
	When    string `json:"when,omitempty"` // "" is always

	// Undecided says that nobody could tell whether the condition is ever true.
	Undecided bool  `json:"undecided,omitempty"`
	Since     Since `json:"since"`
}

// Grant is a g row of the policy.
type Grant struct {
	Who    string `json:"who"`
	Role   string `json:"role"`
	Tenant string `json:"tenant"`

	// Start and End are when the row begins and ends to hold; zero for none.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`

	Since Since `json:"since"`
}

// New returns the review of a policy.
func New(in Input) (Review, error) {
	if in.Policy == nil || in.Revision == "" || in.At.IsZero() {
		return Review{}, fmt.Errorf("%w: Policy, Revision and At are required", ErrInvalid)
	}
	cells, err := in.Policy.WhoCan(impact.Question{Tenant: in.Tenant})
	if err != nil {
		return Review{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	r := Review{Name: in.Name, Revision: in.Revision, Tenant: in.Tenant, At: in.At.UTC().Truncate(time.Second), Entries: []Entry{}, Grants: []Grant{}}
	history := in.History
	if len(history) > 0 && history[0].Revision != in.Revision {
		history = nil // it is about another policy
	}
	if len(history) > 0 {
		r.Sequence, r.PublishedAt = history[0].Sequence, at(history[0])
		r.KnownFrom = at(history[len(history)-1])
	}
	since, err := cellsSince(cells, in, history)
	if err != nil {
		return Review{}, err
	}
	for i, c := range cells {
		r.Entries = append(r.Entries, Entry{Who: c.Who.String(), Tenants: c.Tenants.String(), Actions: c.Actions.String(), Objects: c.Object.String(),
			When: c.When, Undecided: c.May, Since: since[i]})
	}
	for _, g := range in.Policy.Grants() {
		if in.Tenant == "" || g.Tenant == in.Tenant || g.Tenant == "*" {
			r.Grants = append(r.Grants, Grant{g.Who, g.Role, g.Tenant, g.Start, g.End, grantSince(g, in, history)})
		}
	}
	return r, nil
}

// cellsSince compares each policy that was in force, the newest first, with that of now. A right that is
// wider now has been so since the publication that came next.
func cellsSince(cells []impact.Cell, in Input, history []Published) ([]Since, error) {
	since := make([]Since, len(cells))
	if len(history) == 0 {
		return since, nil
	}
	left := len(cells)
	// note says since when what is wider now than by a policy is so.
	note := func(before *impact.Policy, s Since) error {
		if left == 0 {
			return nil
		}
		report, err := impact.Diff(before, in.Policy)
		if err != nil {
			return fmt.Errorf("review: %w", err)
		}
		for j, c := range cells {
			if !since[j].At.IsZero() {
				continue
			}
			if slices.ContainsFunc(report.Cells, func(o impact.Cell) bool { return o.Direction == impact.Wider && c.Meets(o) }) {
				since[j] = s
				left--
			}
		}
		return nil
	}
	if in.Alone != nil {
		if err := note(in.Alone, tenantsSince(in, history)); err != nil {
			return nil, err
		}
	}
	for i, p := range history[1:] {
		if err := note(p.Policy, Since{At: at(history[i]), Revision: history[i].Revision}); err != nil {
			return nil, err
		}
	}
	for j := range since {
		if since[j].At.IsZero() {
			since[j] = oldest(history)
		}
	}
	return since, nil
}

// tenantsSince is since when the rows of tenants are what they are, beside the policy that is in force.
func tenantsSince(in Input, history []Published) Since {
	s := Since{At: at(history[0]), Revision: history[0].Revision}
	if t := in.Tenants.UTC().Truncate(time.Second); t.After(s.At) {
		s.At = t
	}
	return s
}

// grantSince is when a row was published that gave all of it: one that was made longer is new.
func grantSince(g impact.Grant, in Input, history []Published) Since {
	if len(history) == 0 {
		return Since{}
	}
	covered := func(p *impact.Policy) bool {
		return slices.ContainsFunc(p.Grants(), func(old impact.Grant) bool { return old.Covers(g) })
	}
	if in.Alone != nil && !covered(in.Alone) {
		return tenantsSince(in, history)
	}
	for i, p := range history[1:] {
		if !covered(p.Policy) {
			return Since{At: at(history[i]), Revision: history[i].Revision}
		}
	}
	return oldest(history)
}

func oldest(history []Published) Since {
	last := history[len(history)-1]
	return Since{At: at(last), Revision: last.Revision, OrBefore: true}
}

func at(p Published) time.Time { return p.At.UTC().Truncate(time.Second) }
