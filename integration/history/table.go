package history

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Row is the outcome of one fault.
type Row struct {
	Fault, Store      string // the store is that of the instances, such as "cache"
	Requests, Changes int    // changes that were acknowledged
	Verdict           Verdict
	Lasted, Recovery  time.Duration
	Slack             time.Duration
}

// RowOf returns the row of a history.
func RowOf(fault, store string, l *Log, rules Rules) Row {
	r := Row{Fault: fault, Store: store, Verdict: l.Judge(rules), Slack: rules.Slack}
	r.Requests, r.Changes = l.Count("", Act), l.Count(Done, Changes...)
	r.Lasted, r.Recovery = l.Outages()
	return r
}

const (
	header = "| fault | store | requests | changes | wrong allows | window after a rollback | live sessions refused | 5xx for | recovery |\n"
	rule   = "|---|---|---|---|---|---|---|---|---|\n"
)

// Table writes rows as a table in Markdown.
func Table(w io.Writer, rows []Row) error {
	var b strings.Builder
	b.WriteString(header + rule)
	requests, changes, wrong := 0, 0, 0
	for _, r := range rows {
		b.WriteString(r.String())
		requests, changes, wrong = requests+r.Requests, changes+r.Changes, wrong+len(r.Verdict.Wrong)
	}
	fmt.Fprintf(&b, "| together | | %d | %d | %d | | | | |\n", requests, changes, wrong)
	_, err := io.WriteString(w, b.String())
	return err
}

// String returns a line of the table.
func (r Row) String() string {
	window := "–"
	if n := len(r.Verdict.Window); n > 0 {
		window = fmt.Sprintf("%d allows, %d ms", n, r.Verdict.Widest().Milliseconds())
	}
	return fmt.Sprintf("| %s | %s | %d | %d | %s | %s | %s | %s | %s |\n", r.Fault, r.Store, r.Requests, r.Changes,
		tally(r.Verdict.Wrong, func(w Wrong) string { return w.What }), window,
		tally(r.Verdict.Refused, func(f Refused) string { return string(f.Why) }), seconds(r.Lasted), seconds(r.Recovery))
}

// tally returns how many there are, and of which kinds.
func tally[T any](all []T, kind func(T) string) string {
	if len(all) == 0 {
		return "0"
	}
	counts := map[string]int{}
	for _, one := range all {
		counts[kind(one)]++
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[k], k))
	}
	return strings.Join(parts, ", ")
}

func seconds(d time.Duration) string {
	if d <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}
