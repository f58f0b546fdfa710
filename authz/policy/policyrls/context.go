package policyrls

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// Config says for whom statements are signed, and which types have row-level security by the
// policy.
type Config struct {
	// Signer signs. Required.
	Signer *rls.Signer

	// Engine has the policy. Required.
	Engine *policy.Engine

	// Types are the types whose tables have the policies of [SQL]. Required; each once.
	Types []policy.RLSConfig

	// Caller returns a request of the caller of ctx, whose action and object are not looked at.
	// Required: authz.RequestOf. An error of it is that of the statement, of which nothing is
	// sent.
	Caller func(ctx context.Context) (policy.Request, error)
}

// Context is an [rls.Context] that says who the caller is, beside the tenant, so that the policies
// of [SQL] let them at their rows alone. A scope takes it in the place of a signer, and sends it
// in the same way: with the statement, at no further round trip. It is safe for concurrent use.
type Context struct{ cfg Config }

// NewContext returns a Context, or everything that is wrong with cfg.
func NewContext(cfg Config) (*Context, error) {
	var problems configerr.Problems
	problems.Require("Signer", cfg.Signer, "")
	problems.Require("Caller", cfg.Caller, "for example authz.RequestOf")
	switch {
	case cfg.Engine == nil:
		problems.Add("Engine", "required")
	case len(cfg.Types) == 0:
		problems.Add("Types", "required: without one a rls.Signer is enough")
	default:
		if _, err := generate(cfg.Engine, cfg.Types); err != nil {
			problems.Add("Types", "%w", err)
		}
	}
	if err := problems.Err("policyrls", nil); err != nil {
		return nil, err
	}
	cfg.Types = slices.Clone(cfg.Types)
	return &Context{cfg}, nil
}

// Setting implements [rls.Context].
func (c *Context) Setting(ctx context.Context, id tenant.ID) (name, value string, err error) {
	if id.IsZero() {
		return "", "", fmt.Errorf("policyrls: %w", tenant.ErrNoScope)
	}
	r, err := c.cfg.Caller(ctx)
	if err != nil {
		return "", "", fmt.Errorf("policyrls: the caller of a statement: %w", err)
	}
	if r.Tenant != id {
		return "", "", fmt.Errorf("policyrls: the caller is of another tenant than the statement: %w", tenant.ErrMismatch)
	}
	caller, until, err := c.cfg.Engine.RLSContext(ctx, r, c.cfg.Types...)
	if err != nil {
		return "", "", err
	}
	return c.cfg.Signer.CallerSetting(id, caller, until)
}

// SQL returns the statements that create the row-level security of types by the policy of an
// engine, for the owner to read and to run in one transaction. The script of rls.Generate comes
// first. A service signs for the same types by [NewContext].
//
// It is run again whenever a condition is another one, before the service has the policy or at
// the same time: until both are of one revision, statements find nothing and are an error, see
// rls.AsRevision. Roles and grants change nothing in it.
func SQL(e *policy.Engine, types ...policy.RLSConfig) (string, error) {
	list, err := generate(e, types)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range list {
		b.WriteString(r.SQL())
	}
	return b.String(), nil
}

// ErrReadsFiltered means that a condition asks about a parent or about members in a table that has
// row-level security by the policy itself. The caller might not see the rows that a decision about
// them is made by.
var ErrReadsFiltered = errors.New("policyrls: a policy reads rows that it may not see")

func generate(e *policy.Engine, types []policy.RLSConfig) ([]policy.RLS, error) {
	var list []policy.RLS
	var problems []error
	tables := map[string]string{}
	for _, cfg := range types {
		r, err := e.RLS(cfg)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", cfg.Type, err))
			continue
		}
		_, name, _ := strings.Cut(r.Table(), ".")
		if other, there := tables[name]; there {
			problems = append(problems, fmt.Errorf("%s: the table %s is that of %s", cfg.Type, name, other))
		}
		tables[name] = cfg.Type
		list = append(list, r)
	}
	seen := map[string]bool{}
	for _, r := range list {
		if seen[r.Type()] {
			problems = append(problems, fmt.Errorf("%s: it is there twice", r.Type()))
		}
		seen[r.Type()] = true
		for _, table := range r.Reads() {
			if other, there := tables[table]; there {
				problems = append(problems, fmt.Errorf("%w: the conditions of %s look into %s, the table of %s", ErrReadsFiltered, r.Type(), table, other))
			}
		}
	}
	return list, errors.Join(problems...)
}
