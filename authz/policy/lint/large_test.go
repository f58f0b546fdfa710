package lint_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy/lint"
)

// large returns a policy of n rules, a tenth of them denies.
func large(n int) string {
	var b strings.Builder
	for i := range n {
		effect := "allow"
		if i%10 == 0 {
			effect = "deny"
		}
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "p, role:r%d, *, /api/v1/things%d/:id, GET, true, %s\n", i%500, i, effect)
		case 1:
			fmt.Fprintf(&b, "p, role:r%d, t%d, kind%d, update, r.obj.id == 'k%d' && r.env.hour < 18, %s\n", i%500, i%100, i%50, i, effect)
		case 2:
			fmt.Fprintf(&b, "p, user:u%d, t%d, kind%d:%d, read, true, %s\n", i, i%100, i%50, i, effect)
		case 3:
			fmt.Fprintf(&b, "g, user:u%d, role:r%d, t%d\n", i, i%500, i%100)
		}
	}
	return b.String()
}

// Ten times the rules take ten times as long, and not a hundred times.
func TestTheWorkGrowsWithTheRulesAndNotWithTheirSquare(t *testing.T) {
	took := func(n int) time.Duration {
		files := withModel(t, map[string]string{"policy.csv": large(n)})
		fsys, best := folder(files), time.Hour
		for range 3 {
			start := time.Now()
			if _, err := lint.Folder(fsys, lint.Options{}); err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	took(100)
	few, many := took(1000), took(10_000)
	t.Logf("1,000 rules: %v; 10,000 rules: %v", few, many)
	if many > 40*few {
		t.Errorf("1,000 rules take %v, 10,000 rules %v", few, many)
	}
}

func BenchmarkFolder(b *testing.B) {
	fsys := folder(withModel(b, map[string]string{"policy.csv": large(10_000)}))
	for b.Loop() {
		if _, err := lint.Folder(fsys, lint.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
