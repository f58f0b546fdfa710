package rls_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// db stands for the service's database, which no example opens.
var db *sql.DB

func ExampleNewSigner() {
	key := session.MustParseSecretKey("MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=") // from the environment
	signer, err := rls.NewSigner(rls.SignerConfig{Key: key, KeyID: "2026-01", Now: func() time.Time { return time.Unix(1_800_000_000, 0) }})
	if err != nil {
		panic(err)
	}
	name, value, err := signer.Setting(context.Background(), tenant.MustParse("acme"))
	fmt.Println(name, value[:strings.LastIndexByte(value, '.')], err)
	_, _, err = signer.Setting(context.Background(), tenant.ID{})
	fmt.Println(errors.Is(err, tenant.ErrNoScope))
	// Output:
	// reeve.context v1.2026-01.acme.1800000015000 <nil>
	// true
}

func ExamplePlain() {
	fmt.Println(rls.Plain().Setting(context.Background(), tenant.MustParse("acme")))
	// Output: reeve.tenant acme <nil>
}

// A service looks at its database before it serves anybody.
func ExampleAudit() {
	start := func(ctx context.Context) error {
		findings, err := rls.Audit(ctx, db, rls.Config{Owner: "shop_owner", App: "shop"})
		if err != nil {
			return err
		}
		return findings.Err()
	}
	_ = start

	fmt.Println(rls.Findings{{Rule: "rls-off", Severity: rls.Error, Object: "public.invoice", Gain: "row-level security is off",
		Mend: "ALTER TABLE public.invoice ENABLE ROW LEVEL SECURITY;"}}.Err())
	// Output:
	// rls: the database does not keep tenants apart: 1 faults
	// error: public.invoice (rls-off): row-level security is off
	//     ALTER TABLE public.invoice ENABLE ROW LEVEL SECURITY;
}

// A migration writes the script into a file, which somebody reads.
func ExampleGenerate() {
	migrate := func(ctx context.Context) (string, error) {
		return rls.Generate(ctx, db, rls.Config{Owner: "shop_owner", App: "shop", Shared: []string{"public.currency"}})
	}
	_ = migrate
}

func ExampleRolesSQL() {
	script, err := rls.RolesSQL(rls.Config{Owner: "shop_owner", App: "shop"})
	lines := strings.Split(strings.TrimSpace(script), "\n")
	fmt.Println(lines[len(lines)-1], err)
	// Output: ALTER ROLE "shop" NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION; <nil>
}

// The rows of a tenant that has left are deleted by one call.
func ExampleErase() {
	erase := func(ctx context.Context, signer *rls.Signer, id tenant.ID) error {
		return rls.Erase(ctx, db, rls.Config{Owner: "shop_owner", App: "shop"}, signer, id)
	}
	_ = erase
}

func ExampleSigner_InstallKey() {
	rotate := func(ctx context.Context, owner *sql.DB, next *rls.Signer) error {
		if err := next.InstallKey(ctx, owner); err != nil {
			return err
		}
		// Now all services are deployed with the new key. Then:
		return rls.RemoveKey(ctx, owner, "2025-01")
	}
	_ = rotate
}
