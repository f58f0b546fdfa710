package attacks

import (
	"context"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// Dialect is a database's.
type Dialect string

// The dialects.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// The tenant that attacks, the one that it attacks, and a third.
var (
	Attacker  = tenant.MustParse("acme")
	Victim    = tenant.MustParse("globex")
	Bystander = tenant.MustParse("initech")
)

// Fixture is a database as its owner sees it.
type Fixture interface {
	Dialect() Dialect
	// Signed reports whether a tenant that is set by an injected text is not believed.
	Signed() bool
	// Reset makes every table as [Rows] has it.
	Reset(ctx context.Context) error
	// Foreign returns every row but those of the attacker, as text by table, tenant and key.
	Foreign(ctx context.Context) (map[string]string, error)
}

// canary begins what stands in no answer to another tenant.
const canary = "CANARY"

// Canary returns a text that only a tenant's own answers hold.
func Canary(id tenant.ID, what string) string { return canary + "_" + id.String() + "_" + what }

// leaked returns the first canary of somebody else in a text, or "".
func leaked(text string) string {
	for rest := text; ; {
		i := strings.Index(rest, canary+"_")
		if i < 0 {
			return ""
		}
		rest = rest[i+len(canary)+1:]
		if !strings.HasPrefix(rest, Attacker.String()+"_") {
			return canary + "_" + rest[:min(len(rest), 24)]
		}
	}
}

// Row is a row of a table.
type Row struct {
	Tenant  tenant.ID
	Table   string
	Columns []string
	Values  []any
}

// Keys of rows begin with their tenant's letter: "a-n1" is the attacker's, and "s-n1" is a key
// that each of the tenants has.
const ownNotes = 3

// Rows returns what each tenant has, parents first.
func Rows() []Row {
	var rows []Row
	for _, id := range []tenant.ID{Attacker, Victim, Bystander} {
		letter := id.String()[:1]
		add := func(table string, columns string, values ...any) {
			rows = append(rows, Row{id, table, append([]string{"tenant_id"}, strings.Fields(columns)...), append([]any{id.String()}, values...)})
		}
		add("project", "id name", letter+"-p1", Canary(id, "project1"))
		add("project", "id name", "s-p1", Canary(id, "shared"))
		add("tag", "id name", letter+"-t1", Canary(id, "tag1"))
		add("tag", "id name", "s-t1", Canary(id, "tag2"))
		for _, n := range []struct{ id, project string }{{letter + "-n1", letter + "-p1"}, {letter + "-n2", letter + "-p1"}, {"s-n1", "s-p1"}} {
			add("note", "id project_id title body votes", n.id, n.project, Canary(id, "title_"+n.id), Canary(id, "body_"+n.id), 1)
		}
		add("note_tag", "note_id tag_id", letter+"-n1", letter+"-t1")
		add("note_tag", "note_id tag_id", "s-n1", "s-t1")
	}
	return rows
}

// Tables are the tables, parents first.
var Tables = []string{"project", "tag", "note", "note_tag"}
