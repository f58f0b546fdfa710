package lint_test

import (
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy/lint"
)

func TestRolesThatHaveEndedAreFoundAtTheirTime(t *testing.T) {
	opts := lint.Options{Now: time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)}
	for row, want := range map[string]string{
		"g, user:bob, role:viewer, acme, _, 2026-06-01 12:00:00":                                  "RV141",
		"g, user:bob, role:viewer, acme, _, 2026-05-31 00:00:00":                                  "RV141",
		"g, user:bob, role:viewer, acme, 2026-01-01 00:00:00, 2026-02-01 00:00:00":                "RV141",
		"g, role:clerk, role:viewer, *, _, 0000-01-01 00:00:00":                                   "RV141",
		"g, user:bob, role:viewer, acme, 2026-07-02 00:00:00, 2026-07-01 00:00:00":                "RV142",
		"g, user:bob, role:viewer, acme, 2026-07-01 00:00:00, 2026-07-01 00:00:00":                "RV142",
		"g, role:clerk, role:viewer, *, 2025-01-02 00:00:00, 2025-01-01 00:00:00":                 "RV142",
		"g, role:clerk, role:viewer, *, 9999-12-31 23:59:59, 0000-01-01 00:00:00":                 "RV142",
		"g, user:bob, role:viewer, acme, 2026-07-01, _":                                           "RV143",
		"g, user:bob, role:viewer, acme, _, 2026-07-01T00:00:00Z":                                 "RV143",
		"g, user:bob, role:viewer, acme, never, _":                                                "RV143",
		"g, role:clerk, role:viewer, *\ng, role:clerk, role:viewer, acme, _, 2027-01-01 00:00:00": "RV143",
		"g, user:bob, role:viewer, acme, _, 2026-06-01 12:00:01":                                  "",
		"g, user:bob, role:viewer, acme, 2026-07-01 00:00:00, _":                                  "",
		"g, user:bob, role:viewer, acme, 2026-07-01 00:00:00, 2026-07-02 00:00:00":                "",
		"g, user:bob, role:viewer, acme, _, _":                                                    "",
		"g, user:bob, role:viewer, acme":                                                          "",
	} {
		files := base(t)
		files["model.conf"] = strings.Replace(files["model.conf"], "g = _, _, _\n", "g = _, _, _, (_, _)\n", 1)
		edit(files, row)
		found := look(t, files, opts)
		for _, id := range []string{"RV141", "RV142", "RV143", "RV001", "RV002"} {
			if has(found, id) != (id == want) {
				t.Errorf("%s: %s found %t\n%s", row, id, has(found, id), text(found))
			}
		}
		if want != "RV141" {
			continue
		}
		changed, err := lint.Apply(files, found)
		if err != nil || strings.Contains(changed["policy.csv"], row) {
			t.Errorf("%s: not mended %v", row, err)
		}
	}
}
