package policy

import (
	"fmt"
	"strconv"
	"strings"
)

// String returns the explanation as a tree of lines:
//
//	allow: user:alice, update invoice:42 in acme
//	└─ policy.csv:31: p, role:editor, *, invoice, update, true, allow
//	   └─ user:alice → role:editor (session)
func (x Explanation) String() string {
	where := ""
	if !x.Tenant.IsZero() {
		where = " in " + x.Tenant.String()
	}
	root := tree{text: fmt.Sprintf("%s: %s, %s %s%s", x.Decision.Effect, shown(x.Caller), shown(string(x.Action)), shown(x.Object), where)}
	for _, m := range x.Matches {
		t := root.add(m.Reason.String())
		t.add(pathText(m.Path))
		if m.Unknown.Text != "" {
			t.add(m.Unknown.String() + ", and a deny rule then matches")
		}
	}
	if x.Held {
		root.add("the tenant's own file does not load: its last good rows decide")
	}
	for _, l := range x.Lapsed {
		root.add(l.String())
	}
	if x.Unruled != "" {
		root.add(x.Unruled)
	}
	if len(x.Matches) == 0 {
		root.add("no rule allows it, and the caller is " + strings.Join(x.Names, ", "))
	}
	for _, m := range x.NearMisses {
		root.add("nearly: " + m.Reason.String()).add(m.why())
	}
	var b strings.Builder
	root.write(&b, "")
	return b.String()
}

// String returns "file:line: row".
func (r Reason) String() string { return r.File + ":" + strconv.Itoa(r.Line) + ": " + r.Rule }

// String returns "role:editor of user:alice ended at 2026-12-31 18:00:00 (policy.csv:12)".
func (l Lapse) String() string {
	when := "begins after " + l.Start.Format(timeLayout)
	if l.Ended {
		when = "ended at " + l.End.Format(timeLayout)
	}
	return fmt.Sprintf("%s of %s %s (%s:%d)", l.Role, shown(l.Member), when, l.File, l.Line)
}

// String returns the part and why it is not true.
func (p ConditionPart) String() string {
	switch {
	case !p.Unknown:
		return p.Text + " is false"
	case len(p.Unusable) > 0:
		return p.Text + " is unknown: " + strings.Join(p.Unusable, ", ")
	case len(p.Missing) == 0:
		return p.Text + " is unknown"
	}
	return p.Text + " is unknown without " + strings.Join(p.Missing, ", ")
}

// why says what keeps the rule from matching, beginning with the first clause that failed.
func (m NearMiss) why() string {
	if m.Clause() == ClauseCondition {
		return "condition: " + m.Condition.String()
	}
	text := fmt.Sprintf("%s: the rule is for %s", m.Clause(), shown(m.Wants))
	if len(m.Failed) == 1 {
		return text
	}
	var more []string
	for _, c := range m.Failed[1:] {
		more = append(more, string(c))
	}
	return text + "; " + strings.Join(more, " and ") + " failed too"
}

func pathText(path []RoleStep) string {
	var b strings.Builder
	for i, s := range path {
		if i > 0 {
			b.WriteString(" → ")
		}
		b.WriteString(shown(s.Name))
		switch s.Via {
		case ViaSession:
			b.WriteString(" (session)")
		case ViaGrant:
			fmt.Fprintf(&b, " (%s:%d", s.File, s.Line)
			if !s.Ends.IsZero() {
				_, _ = b.WriteString(", ends at " + s.Ends.Format(timeLayout))
			}
			b.WriteByte(')')
		}
	}
	return b.String()
}

// shown returns what comes from a request as a terminal may show it.
func shown(s string) string {
	if !printable(s) {
		return strconv.QuoteToASCII(s)
	}
	return s
}

// tree is a line and the lines below it.
type tree struct {
	text  string
	below []*tree
}

func (t *tree) add(text string) *tree {
	child := &tree{text: text}
	t.below = append(t.below, child)
	return child
}

func (t *tree) write(b *strings.Builder, indent string) {
	b.WriteString(t.text)
	b.WriteByte('\n')
	for i, child := range t.below {
		branch, further := "├─ ", "│  "
		if i == len(t.below)-1 {
			branch, further = "└─ ", "   "
		}
		b.WriteString(indent + branch)
		child.write(b, indent+further)
	}
}
