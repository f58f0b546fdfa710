package policy

// Effect is the outcome of a rule, or of a whole decision. The zero Effect is Deny.
type Effect uint8

// The effects. A decision allows when some allow rule matches and no deny rule does.
const (
	Deny Effect = iota
	Allow
)

// String returns the effect as policies write it: "allow" or "deny".
func (e Effect) String() string {
	if e == Allow {
		return "allow"
	}
	return "deny"
}

// Reason is one rule that decided.
type Reason struct {
	File   string // as named in the policy's file system; "" for a rule of an [IndexPolicy]
	Line   int    // from 1; 0 for a rule of an [IndexPolicy]
	Rule   string // the row as written; for an [IndexPolicy] its values
	Effect Effect
}

// Decision is the answer to a [Request]. The zero Decision denies.
type Decision struct {
	Effect Effect

	// Reasons are the rules that decided, in the order of the files: for an allow the
	// first allow rule that matched, for a denial by deny rules all of these, and nothing
	// when no rule matched. The slice is shared and must not be written to.
	Reasons []Reason

	// Revision is that of the policy which decided; see [Engine.Revision].
	Revision string
}

// Allowed reports whether the decision is to allow.
func (d Decision) Allowed() bool { return d.Effect == Allow }
