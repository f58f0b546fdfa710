package rls

import (
	"fmt"
	"strings"
)

// Severity says how bad a finding is. The zero Severity is none.
type Severity uint8

const (
	// Info is slow, or surprises; nothing leaks.
	Info Severity = iota + 1
	// Warning lets somebody learn or do a little that they must not, or loses a second wall.
	Warning
	// Error lets one tenant's statements reach the rows of another.
	Error
)

// String returns "info", "warning" or "error".
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return "none"
}

// Finding is one fault of a database.
type Finding struct {
	Rule     string // its name, such as "rls-off"
	Severity Severity
	Object   string // the table, view, policy, function, role or column
	Gain     string // what an attacker gains, or what is lost
	// Mend is the SQL that mends it, for the owner to read and run; where it changes roles, for
	// a superuser. It is empty where only the author can know what was meant; Gain then says
	// what to do.
	Mend string

	phase int    // the order in a script
	about string // the reference that it is about
	also  []string
}

// String returns the finding on one line, without the SQL.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s (%s): %s", f.Severity, f.Object, f.Rule, f.Gain)
}

// Findings are the faults of one database, the worst first.
type Findings []Finding

// Err returns nil when nothing is worse than information, and otherwise an error that lists
// each warning and error with the SQL that mends it: what a service does at its start.
//
//	findings, err := rls.Audit(ctx, db, cfg)
//	if err == nil {
//		err = findings.Err()
//	}
//	if err != nil {
//		return err // the service does not start
//	}
func (fs Findings) Err() error {
	var b strings.Builder
	n := 0
	for _, f := range fs {
		if f.Severity < Warning {
			continue
		}
		n++
		fmt.Fprintf(&b, "\n%s", f)
		for line := range strings.Lines(f.Mend) {
			b.WriteString("\n    " + strings.TrimSuffix(line, "\n"))
		}
	}
	if n == 0 {
		return nil
	}
	return &unsafeError{n, b.String()}
}

// unsafeError is ErrUnsafe with what was found.
type unsafeError struct {
	n    int
	list string
}

func (e *unsafeError) Error() string { return fmt.Sprintf("%v: %d faults%s", ErrUnsafe, e.n, e.list) }

func (e *unsafeError) Unwrap() error { return ErrUnsafe }

// SQL returns the mending SQL of all findings in an order in which it can run.
func (fs Findings) SQL() string {
	done := map[string]bool{}
	for _, f := range fs {
		for _, key := range f.also {
			done[key] = true
		}
	}
	var b strings.Builder
	seen := map[string]bool{}
	for phase := range lastPhase + 1 {
		for _, f := range fs {
			if f.phase != phase || f.Mend == "" || f.about != "" && done[f.about] || seen[f.Mend] {
				continue
			}
			seen[f.Mend] = true
			fmt.Fprintf(&b, "-- %s: %s\n%s\n", f.Rule, oneLine.Replace(f.Object), strings.TrimSuffix(f.Mend, "\n"))
		}
	}
	return b.String()
}

// oneLine keeps a name within a comment, which either of these ends.
var oneLine = strings.NewReplacer("\n", " ", "\r", " ")

// The phases of a script: each stands on what those before have made.
const (
	phaseRole = iota
	phaseFunction
	phaseColumn
	phaseKey
	phaseReference
	phasePolicy
	phaseIndex
	phaseGrant
	lastPhase = phaseGrant
)
