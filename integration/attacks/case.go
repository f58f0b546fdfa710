package attacks

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// Case is one attack.
type Case struct {
	Family, Name string

	Postgres bool // only there
	Signed   bool // only where the tenant is signed
	Store    bool // by the models of a stack
	Plain    bool // of Store: no text of the attacker's is in a query, so that a query layer stops it alone

	// Harmless says why the attack does no harm without any wall. Others must, see Live.
	Harmless string

	Run func(a *Attack)
}

// Attack is a case that runs on a stack.
type Attack struct {
	Context context.Context // of the attacker
	Stack   Stack
	Store   Store

	found       []string // leaks
	answers     int
	unsupported bool
	bind        func(tenant.ID) context.Context
}

// As returns the context of another tenant, who does something in good faith.
func (a *Attack) As(id tenant.ID) context.Context { return a.bind(id) }

// Leak notes that the attacker has learned something.
func (a *Attack) Leak(format string, args ...any) {
	a.found = append(a.found, fmt.Sprintf(format, args...))
}

// See looks for canaries in what came back to the attacker.
func (a *Attack) See(got any, err error) {
	if errors.Is(err, errors.ErrUnsupported) {
		a.unsupported = true
	}
	text := fmt.Sprintf("%+v", got)
	if err != nil {
		text += " " + err.Error()
	} else {
		a.answers++
	}
	if c := leaked(text); c != "" {
		a.Leak("an answer has %s", c)
	}
}

// Query runs a text as the attacker.
func (a *Attack) Query(text string) [][]string { return a.QueryOn(a.Stack, text) }

// QueryOn is Query in a transaction.
func (a *Attack) QueryOn(r Runner, text string) [][]string {
	rows, err := r.Query(a.Context, text)
	a.See(rows, err)
	return rows
}

// Exec runs a text as the attacker.
func (a *Attack) Exec(text string) (int64, error) { return a.ExecOn(a.Stack, text) }

// ExecOn is Exec in a transaction.
func (a *Attack) ExecOn(r Runner, text string) (int64, error) {
	n, err := r.Exec(a.Context, text)
	a.See(n, err)
	return n, err
}

// Tx runs texts one by one in a transaction, SELECTs as queries.
func (a *Attack) Tx(texts ...string) {
	err := a.Stack.Tx(a.Context, func(r Runner) error {
		for _, text := range texts {
			if reads(text) {
				a.QueryOn(r, text)
			} else {
				_, _ = a.ExecOn(r, text)
			}
		}
		return nil
	})
	a.See(nil, err)
}

func reads(text string) bool {
	first, _, _ := strings.Cut(strings.ToUpper(text), " ")
	return first == "SELECT" || first == "TABLE" || first == "FETCH" || first == "EXECUTE"
}

// AtMost notes a leak when a query counts more than a number.
func (a *Attack) AtMost(most int, text string) {
	for _, row := range a.Query(text) {
		for _, v := range row {
			if n, err := strconv.Atoi(v); err == nil && n > most {
				a.Leak("%s counts %d, and the attacker has %d", text, n, most)
			}
		}
	}
}

// Nothing notes a leak when a query that asks for foreign rows has any.
func (a *Attack) Nothing(text string) {
	if rows := a.Query(text); len(rows) > 0 {
		a.Leak("%s has %d rows", text, len(rows))
	}
}
