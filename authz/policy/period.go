package policy

import (
	"math"
	"strings"
	"time"
)

// timeLayout is how a g row writes a time: as Casbin's TimeMatch reads it, in UTC.
const timeLayout = "2006-01-02 15:04:05"

// noTime stands in a g row in the place of a time: the row has no start, or no end.
const noTime = "_"

// period is when a g row holds: after its start and before its end, as Casbin's TimeMatch has
// it, which leaves out both moments. It is counted in ticks: see instant.tick.
type period struct{ from, until int64 }

// always is the period of a row without times.
var always = period{math.MinInt64, math.MaxInt64}

// holds reports whether the period is on at a tick.
func (p period) holds(tick int64) bool { return p.from <= tick && tick < p.until }

// start returns the moment after which the period is on, zero for none.
func (p period) start() time.Time {
	if p.from == always.from {
		return time.Time{}
	}
	return nonZero(time.Unix((p.from-1)/2, 0).UTC())
}

// end returns the moment at which the period is over, zero for none.
func (p period) end() time.Time {
	if p.until == always.until {
		return time.Time{}
	}
	return nonZero(time.Unix(p.until>>1, 0).UTC())
}

// nonZero moves the one time that would mean none.
func nonZero(t time.Time) time.Time {
	if t.IsZero() {
		return t.Add(1)
	}
	return t
}

// periodOf returns the period of two values of a g row that timeFault finds nothing wrong with.
func periodOf(start, end string) period {
	p := always
	if at, err := time.Parse(timeLayout, start); err == nil {
		p.from = 2*at.Unix() + 1
	}
	if at, err := time.Parse(timeLayout, end); err == nil {
		p.until = 2 * at.Unix()
	}
	return p
}

// timeFault says what is wrong with the start or the end of a g row; "" for nothing. Casbin reads
// a few more spellings, such as a fraction of a second, and takes all others for a row that never
// holds.
func timeFault(s string) string {
	if s == noTime {
		return ""
	}
	if at, err := time.Parse(timeLayout, s); err == nil && at.Format(timeLayout) == s {
		return ""
	}
	why := quote(s) + " is no time: write 2026-12-31 18:00:00, in UTC, or _ for none"
	for _, form := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04", "2006-01-02T15:04Z07:00", time.DateOnly, timeLayout} {
		if at, err := time.Parse(form, s); err == nil {
			return why + "; do you mean " + at.UTC().Format(timeLayout) + "?"
		}
	}
	switch small := strings.ToLower(s); {
	case small == "*" || small == "never" || small == "none" || small == "null" || small == "-":
		return why + "; write _"
	case small == "now":
		return why + "; write the time itself"
	}
	return why
}

// looksTimed reports whether a value seems to be meant as the start or the end of a g row.
func looksTimed(s string) bool {
	return s == noTime || len(s) >= len(time.DateOnly) && s[4] == '-' && s[7] == '-'
}
