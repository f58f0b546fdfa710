package lint_test

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy/lint"
	"github.com/reevehq/reeve/internal/testneed"
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

// shapes are large policies of other forms: what many rules have in common is another thing in each.
var shapes = map[string]func(i, n int) string{
	"one role and object, many tenants": func(i, n int) string {
		return fmt.Sprintf("p, role:editor, t%d, invoice, update, true, allow", i)
	},
	"one role and object, many conditions": func(i, n int) string {
		return fmt.Sprintf("p, role:editor, *, invoice, update, r.obj.amount == %d, %s", i, []string{"allow", "allow", "deny"}[i%3])
	},
	"one role, many actions": func(i, n int) string {
		return fmt.Sprintf("p, role:editor, *, invoice, do-%s, true, %s", letters(i), []string{"allow", "allow", "deny"}[i%3])
	},
	"one object, many roles": func(i, n int) string {
		return fmt.Sprintf("p, role:%s, *, invoice, update, true, %s", letters(i), []string{"allow", "allow", "deny"}[i%3])
	},
	"denies that match nothing": func(i, n int) string {
		if i%2 == 0 {
			return fmt.Sprintf("p, role:editor, t%d, invoice, read, true, allow", i)
		}
		return fmt.Sprintf("p, role:editor, t%d, invoice, update, true, deny", i)
	},
	"many routes of one family": func(i, n int) string {
		return fmt.Sprintf("p, role:editor, *, /things/{id}/%s, GET, true, %s", letters(i), []string{"allow", "allow", "deny"}[i%3])
	},
	"many prefixes": func(i, n int) string {
		return fmt.Sprintf("p, role:editor, *, /%s/*, *, true, %s", letters(i), []string{"allow", "allow", "deny"}[i%3])
	},
	"many types": func(i, n int) string {
		return fmt.Sprintf("p, role:editor, *, type-%s, update, true, %s", letters(i), []string{"allow", "allow", "deny"}[i%3])
	},
	"many texts of one attribute": func(i, n int) string {
		return fmt.Sprintf("p, role:editor, t%d, invoice, update, r.obj.status == '%s', %s", i%7, letters(i), []string{"allow", "allow", "deny"}[i%3])
	},
	"many users of one role": func(i, n int) string {
		if i == 0 {
			return "p, role:editor, *, invoice, update, true, allow"
		}
		return fmt.Sprintf("g, user:%s, role:editor, t%d", letters(i), i%50)
	},
	"many roles of one user": func(i, n int) string {
		if i%2 == 0 {
			return fmt.Sprintf("p, role:r%d, *, invoice, update, true, allow", i/2)
		}
		return fmt.Sprintf("g, user:alice, role:r%d, t%d", i/2, i%50)
	},
	"many tenants alike": func(i, n int) string {
		return fmt.Sprintf("p, role:editor, %s, invoice, update, true, %s", letters(i), []string{"allow", "allow", "deny"}[i%3])
	},
	"many roles of two rows each": func(i, n int) string {
		return fmt.Sprintf("p, role:%s, *, invoice, %s, true, allow", letters(i/2), []string{"read", "update"}[i%2])
	},
	"many roles that are granted and have no rule": func(i, n int) string {
		if i%2 == 0 {
			return fmt.Sprintf("p, role:%s, *, invoice, update, true, allow", letters(i))
		}
		return fmt.Sprintf("g, user:u%d, role:%s, acme", i, letters(i))
	},
	"many roles that are members": func(i, n int) string {
		if i == 0 {
			return "p, role:editor, *, invoice, update, true, allow"
		}
		return fmt.Sprintf("g, role:%s, role:editor, *", letters(i))
	},
	"many roles in conditions": func(i, n int) string {
		return fmt.Sprintf("p, role:editor, *, invoice, update, '%s' in r.sub.roles, allow", letters(i))
	},
	"many routes alike": func(i, n int) string {
		return fmt.Sprintf("p, role:editor, *, /things/%s, GET, true, %s", letters(i), []string{"allow", "allow", "deny"}[i%3])
	},
	"chains of roles": func(i, n int) string {
		if i%2 == 0 {
			return fmt.Sprintf("p, role:r%d, *, invoice, update, true, allow", i/2)
		}
		if i%20 == 19 {
			return fmt.Sprintf("g, user:u%d, role:r%d, acme", i, i/2)
		}
		return fmt.Sprintf("g, role:r%d, role:r%d, *", i/2, i/2+1)
	},
}

// letters writes a number as a word.
func letters(i int) string {
	word := ""
	for i += 26 * 26; i > 0; i /= 26 {
		word = string(rune('a'+i%26)) + word
	}
	return word
}

func shaped(tb testing.TB, name string, n int) fs.FS {
	if name == "mixed" {
		return folder(withModel(tb, map[string]string{"policy.csv": large(n)}))
	}
	var b strings.Builder
	for i := range n {
		b.WriteString(shapes[name](i, n) + "\n")
	}
	return folder(withModel(tb, map[string]string{"policy.csv": b.String(), "attributes.csv": "invoice, amount, int, no,\ninvoice, status, string, no,\n"}))
}

// Four times the rules take four times as long of the processor, of whatever form they are, and not
// sixteen times.
func TestTheWorkGrowsWithTheRulesAndNotWithTheirSquare(t *testing.T) {
	took := func(name string, n int) time.Duration {
		fsys, best := shaped(t, name, n), time.Hour
		for range 3 {
			start := testneed.ProcessorTime(t)
			if _, err := lint.Folder(fsys, lint.Options{}); err != nil {
				t.Fatal(err)
			}
			best = min(best, testneed.ProcessorTime(t)-start)
		}
		return best
	}
	took("mixed", 100)
	for _, name := range append(slices.Sorted(maps.Keys(shapes)), "mixed") {
		few, many := took(name, 1000), took(name, 4000)
		t.Logf("%s: 1,000 rules: %v; 4,000 rules: %v", name, few, many)
		if many > 10*few {
			t.Errorf("%s: 1,000 rules take %v, 4,000 rules %v", name, few, many)
		}
	}
}

// Ten thousand rules are looked at in less than 300 ms of the processor, of whatever form they are, also
// where every name is nearly every other.
func TestTenThousandRulesAreLookedAtInTime(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("it is about time")
	}
	for _, name := range append(slices.Sorted(maps.Keys(shapes)), "mixed") {
		fsys, best, most := shaped(t, name, 10_000), time.Hour, 300*time.Millisecond
		for range 5 {
			start := testneed.ProcessorTime(t)
			if _, err := lint.Folder(fsys, lint.Options{}); err != nil {
				t.Fatal(err)
			}
			best = min(best, testneed.ProcessorTime(t)-start)
		}
		t.Logf("%s: %v", name, best)
		if best > most {
			t.Errorf("%s: 10,000 rules take %v", name, best)
		}
	}
}

// BenchmarkFolder is of 10,000 rules. cpu-ms/op is what they take of the processor, the collector's
// work included.
func BenchmarkFolder(b *testing.B) {
	for _, name := range append([]string{"mixed"}, slices.Sorted(maps.Keys(shapes))...) {
		b.Run(name, func(b *testing.B) {
			fsys := shaped(b, name, 10_000)
			found, start := 0, testneed.ProcessorTime(b)
			for b.Loop() {
				list, err := lint.Folder(fsys, lint.Options{})
				if err != nil {
					b.Fatal(err)
				}
				found = len(list)
			}
			b.ReportMetric(float64((testneed.ProcessorTime(b)-start).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(found), "findings")
		})
	}
}
