//go:build unix

package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
)

// A service waits for the audit at each start.
func TestTheAuditOfManyTablesIsQuick(t *testing.T) {
	w := newCleanFixture(t)
	n := testneed.Scale(80, 1)
	if testneed.Soak() {
		n = 500
	}
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "CREATE TABLE t%[1]d (LIKE doc INCLUDING ALL); ALTER TABLE t%[1]d ENABLE ROW LEVEL SECURITY; ALTER TABLE t%[1]d FORCE ROW LEVEL SECURITY;"+
			"CREATE POLICY f ON t%[1]d AS RESTRICTIVE USING (tenant_id = (SELECT reeve.tenant())); CREATE POLICY b ON t%[1]d USING (true);\n", i)
	}
	w.asOwner("BEGIN;" + b.String() + "COMMIT;")
	if found := w.audit(); len(found) > 0 {
		t.Fatal(found)
	}
	best := time.Hour
	for range 5 {
		start := time.Now()
		w.audit()
		best = min(best, time.Since(start))
	}
	t.Logf("%d tables: %v", n, best)
	if best > 2*time.Second { // it has a bound, on a busy machine too
		t.Errorf("%d tables take %v", n, best)
	}
}
