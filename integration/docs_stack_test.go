//go:build unix

package integration_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant/rls"
)

// stackImports are the packages that blocks of the page may use.
var stackImports = map[string]string{
	"context": "context", "fmt": "fmt", "os": "os", "sql": "database/sql",
	"authz": "github.com/reevehq/reeve/authz", "session": "github.com/reevehq/reeve/session", "memstore": "github.com/reevehq/reeve/session/memstore",
	"tenant": "github.com/reevehq/reeve/tenant", "rls": "github.com/reevehq/reeve/tenant/rls",
	"pgxscope": "github.com/reevehq/reeve/tenant/pgxscope", "sqlscope": "github.com/reevehq/reeve/tenant/sqlscope",
	"sqlitescope": "github.com/reevehq/reeve/tenant/sqlscope/sqlitescope", "gormscope": "github.com/reevehq/reeve/tenant/gormscope",
	"pgx": "github.com/jackc/pgx/v5", "pgxpool": "github.com/jackc/pgx/v5/pgxpool", "stdlib": "github.com/jackc/pgx/v5/stdlib",
	"gorm": "gorm.io/gorm", "postgres": "gorm.io/driver/postgres", "sqlx": "github.com/jmoiron/sqlx",
	"bun": "github.com/uptrace/bun", "pgdialect": "github.com/uptrace/bun/dialect/pgdialect",
}

// stackProgram runs the blocks one after the other, each with a context of the tenant acme.
const stackProgram = `
func main() {
	acme := tenant.MustParse("acme")
	sessions := authz.Must(session.NewManager(memstore.New(), session.Config{Key: authz.Must(session.ParseSecretKey(os.Getenv("TENANT_KEY"))), Tenants: session.ActiveTenants(acme)}))
	if err := sessions.SetTenantStatus(context.Background(), acme, tenant.Active); err != nil {
		panic(err)
	}
	signer := authz.Must(rls.NewSigner(rls.SignerConfig{Key: authz.Must(session.ParseSecretKey(os.Getenv("TENANT_KEY"))), KeyID: "2026-01"}))
	ctx := authz.Must(tenant.Bind(context.Background(), acme, sessions))
	connector := stdlib.GetConnector(*authz.Must(pgx.ParseConfig(os.Getenv("DATABASE_URL"))))
	pool := authz.Must(sqlscope.OpenDB(sqlscope.Config{Connector: connector, Context: signer, Statuses: sessions}))
	for _, stack := range []func(context.Context, *rls.Signer, *session.Manager, *sql.DB) error{%s} {
		if err := stack(ctx, signer, sessions, pool); err != nil {
			fmt.Println(err)
		}
	}
}
`

const stackFunction = `
func stack%d(ctx context.Context, signer *rls.Signer, sessions *session.Manager, db *sql.DB) error {
	{
//line %s:%d
%s
		if err != nil {
			return err
		}
		fmt.Println(n)
	}
	return nil
}
`

// TestEveryStackIsScoped runs each block that opens a database for tenants. The table has a
// row of acme's and two of globex's; each block counts the rows as acme, and counts one.
func TestEveryStackIsScoped(t *testing.T) {
	blocks := pageOf(t, "docs/tenants.md").of("go", "stack")
	if len(blocks) < 6 {
		t.Fatalf("%d blocks", len(blocks))
	}
	source, names := "", ""
	for i, b := range blocks {
		source += fmt.Sprintf(stackFunction, i, b.page, b.line, b.text)
		names += fmt.Sprintf("stack%d, ", i)
	}
	source += fmt.Sprintf(stackProgram, names)
	imports := ""
	for name, path := range stackImports {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(source) {
			imports += fmt.Sprintf("import %s %q\n", name, path)
		}
	}
	dir := moduleOf(t, "integration", map[string]string{"main.go": "package main\n" + imports + source})
	goIn(t, dir, "build", "-o", "program", ".")

	key := secretKey(0)
	db := pgserver.New(t).Database(t)
	db.Exec(db.Owner(), `CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant_id text NOT NULL, title text NOT NULL);
INSERT INTO notes (tenant_id, title) VALUES ('globex', 'a secret'), ('acme', 'paint the fence'), ('globex', 'another')`)
	owner := openSQL(t, db.Owner())
	script, err := rls.Generate(context.Background(), owner, rls.Config{Owner: db.OwnerRole, App: db.AppRole})
	if err != nil {
		t.Fatal(err)
	}
	db.Exec(db.Owner(), "BEGIN;\n"+script+"\nCOMMIT;")
	signer, err := rls.NewSigner(rls.SignerConfig{Key: key, KeyID: "2026-01"})
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.InstallKey(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("./program")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DATABASE_URL="+db.App(), "TENANT_KEY="+encodeKey(key))
	out, err := cmd.CombinedOutput()
	if want := strings.Repeat("1\n", len(blocks)); err != nil || string(out) != want {
		t.Errorf("%v, and the blocks print\n%s", err, out)
	}
}

func encodeKey(k session.SecretKey) string { return base64.StdEncoding.EncodeToString(k.Bytes()) }
