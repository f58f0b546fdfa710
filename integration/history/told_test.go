package history_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/history"
)

func TestEventsOfATenantAreExplainedByTheCallsThatSetItsStatus(t *testing.T) {
	kinds := map[rune]history.Kind{'a': history.Activate, 's': history.Suspend}
	for _, row := range []struct {
		calls, told string // a call with ? has no answer
		want        bool
	}{
		{"", "", true},
		{"a", "a", true},
		{"a", "", false},
		{"", "a", false},
		{"as", "as", true},
		{"as", "sa", false},
		{"as", "a", false},
		{"aas", "as", true},
		{"aas", "aas", false},
		{"ass", "as", true},
		{"ass", "ass", false},
		{"as?", "a", true},
		{"as?", "as", true},
		{"as?a", "a", true},
		{"as?a", "asa", true},
		{"as?a", "as", false},
		{"as?a?", "asa", true},
		{"as?a?s", "as", true},
		{"as?a?s", "asas", true},
		{"as?a?s", "asa", false},
		{"sa", "sa", true},
		{"sa", "a", false},
	} {
		l := withoutAnswers(row.calls, kinds)
		var told []history.Kind
		for _, c := range row.told {
			told = append(told, kinds[c])
		}
		if got := l.Explains("acme", told); got != row.want {
			t.Errorf("%q tells %q: %t, want %t", row.calls, row.told, got, row.want)
		}
	}
	l := history.New()
	if !l.Whole() {
		t.Error("an empty log is not whole")
	}
	for what, add := range map[string]func(*history.Log){
		"a rollback": func(l *history.Log) { l.AddRollback(history.Rollback{}) },
		"a loss":     func(l *history.Log) { l.AddLoss(history.Loss{}) },
	} {
		l := history.New()
		if add(l); l.Whole() {
			t.Errorf("a log with %s is whole", what)
		}
	}
}

// withoutAnswers returns a log of calls in which one that stands before ? has no answer, beside
// those of another tenant.
func withoutAnswers(calls string, kinds map[rune]history.Kind) *history.Log {
	l := history.New()
	for i, c := range calls {
		if c == '?' {
			continue
		}
		answer := history.Done
		if i+1 < len(calls) && calls[i+1] == '?' {
			answer = history.Unknown
		}
		at := time.Duration(i) * time.Second
		for tenant, kind := range map[string]history.Kind{"acme": kinds[c], fmt.Sprint("other-", i): history.Suspend} {
			l.Add(history.Call{Kind: kind, Answer: answer, Tenant: tenant, Invoked: at, Returned: at + 1})
		}
	}
	return l
}
