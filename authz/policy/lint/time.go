package lint

import (
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// never reports whether a row grants nothing at any time.
func (g *grantRow) never() bool { return !g.end.IsZero() && !g.start.IsZero() && !g.end.After(g.start) }

// over reports whether a row grants nothing any more.
func (g *grantRow) over(now time.Time) bool {
	return g.never() || !g.end.IsZero() && !now.Before(g.end)
}

// lookAtTimes finds g rows that have ended, and such as never begin.
func (l *linter) lookAtTimes() {
	const atEnd = 5
	for _, g := range l.grants {
		switch {
		case g.never():
			l.at("RV142", policy.SeverityWarning, &g.row, atEnd, "exchange the two times, or delete the row", "%s never has %s: the row ends before it begins", g.member, g.role)
		case g.over(l.now):
			f := l.at("RV141", policy.SeverityNote, &g.row, atEnd, "delete the row, or give it another end", "%s has had %s until %s", g.member, g.role, g.end.Format(grantTime))
			if f.Rule.ID != "" {
				f.Fix = &Fix{What: "delete the row", File: g.file, Line: g.line.Number, Old: g.line.Text}
			}
		}
	}
}
