package policy

import (
	"testing"

	"github.com/reevehq/reeve/internal/policycsv"
	"github.com/reevehq/reeve/tenant"
)

// Whether a row stands there already is decided by its values. A hash that two rows share
// must neither make the second a repetition of the first nor hide a third.
func TestRowsOfOneHashAreNotTheSame(t *testing.T) {
	var p problems
	l := newLoader(nil, nil, &p)
	row := func(text string) *policycsv.Line {
		for r := range rowsOf(PolicyFile, text, &p) {
			return r
		}
		t.Fatal("no row")
		return nil
	}
	one, other := "p, role:a, *, doc, read, true, allow", "p, role:b, *, doc, read, true, allow"
	if !l.usable(PolicyFile, tenant.ID{}, row(one)) {
		t.Fatal(p.err())
	}
	for key := range l.seen { // as if other had the hash of one
		l.seen[key] = origin{PolicyFile, 1, other, tenant.ID{}}
	}
	if !l.usable(PolicyFile, tenant.ID{}, row(one)) || len(l.seen) != 2 {
		t.Error("taken for another row of its hash:", p.err())
	}
	if l.usable(PolicyFile, tenant.ID{}, row("p, role:a,*,doc, read,  true, allow")) || len(p.list) != 1 {
		t.Error("a repetition is not found behind another row of its hash")
	}
}
