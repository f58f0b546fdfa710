//go:build unix

package filters_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant/gormscope"
)

// taggedItem is an item as a service maps it: a column that a query leaves out is nil.
type taggedItem struct {
	ID       string `gorm:"primaryKey" authz:"id"`
	TenantID string `authz:"tenant" db:"tenant_id"`
	Title    string
	Public   *bool `authz:"public"`
}

func (taggedItem) TableName() string { return "item" }

// Mistakes that leaked in a service which scoped its queries by hand, on the scopes: each reads its
// own tenant's rows, asks about what is stored, or is an error. That a handler which never asks is
// found, examples/tracker shows.
func TestTheLeaksOfAServiceFindNothingInTheScopes(t *testing.T) {
	all := scopedItems()
	pg, signer := walledItems(t, all)
	byPgx, bySQL := scopedPools(t, pg, signer)
	ctx := inTenant(t, acme)
	var own []string
	foreign := ""
	for _, x := range all {
		if x.tenant == "acme" {
			own = append(own, x.id)
		} else {
			foreign = x.id
		}
	}
	byGORM, err := gorm.Open(postgres.New(postgres.Config{Conn: bySQL}), &gorm.Config{Logger: logger.Discard, DisableAutomaticPing: true})
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := gormscope.New(gormscope.Config{Scoped: []any{&taggedItem{}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := byGORM.Use(plugin); err != nil {
		t.Fatal(err)
	}
	// Everybody reads what is not public: a zero in the place of a column that is missing would allow.
	e, err := load(t, "p, role:authenticated, *, item, read, !r.obj.public, allow", itemAttributes)
	if err != nil {
		t.Fatal(err)
	}
	mapper := authz.Must(policy.NewMapper[taggedItem]("item"))
	decide := func(o policy.Object) (bool, error) {
		d, err := e.Decide(ctx, policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: o})
		return d.Allowed(), err
	}
	ids := func(t *testing.T, query string, args ...any) []string {
		t.Helper()
		rows, err := byPgx.Query(ctx, query, args...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	t.Run("1, a query without the tenant", func(t *testing.T) {
		if got := ids(t, "SELECT id FROM item ORDER BY id"); !slices.Equal(got, own) {
			t.Errorf("%q", got)
		}
	})
	t.Run("2, the caller's tenant in the place of the row's", func(t *testing.T) {
		if got := ids(t, "SELECT id FROM item WHERE id = $1", foreign); len(got) > 0 {
			t.Fatalf("%q", got)
		}
		row := taggedItem{ID: foreign, TenantID: "globex", Public: new(bool)} // as it is stored
		if may, err := decide(mapper.Object(&row)); may || !errors.Is(err, policy.ErrRequest) {
			t.Errorf("%t, %v", may, err)
		}
	})
	t.Run("3, an object without a tenant", func(t *testing.T) {
		if may, err := decide(policy.Object{Type: "item", ID: foreign, Attributes: policy.Values{"public": false}}); may || !errors.Is(err, policy.ErrMisused) {
			t.Errorf("%t, %v", may, err)
		}
		if may, err := decide(mapper.Object(&taggedItem{ID: foreign, Public: new(bool)})); may || !errors.Is(err, policy.ErrMisused) {
			t.Errorf("a row without one: %t, %v", may, err)
		}
	})
	t.Run("4, a join of which one table is scoped", func(t *testing.T) {
		got := ids(t, "SELECT DISTINCT b.id FROM item a JOIN item b ON b.title = a.title WHERE a.tenant_id = 'acme' ORDER BY b.id")
		if !slices.Equal(got, own) {
			t.Errorf("%q", got)
		}
	})
	t.Run("6, an OR of GORM", func(t *testing.T) {
		var rows []taggedItem
		if err := byGORM.WithContext(ctx).Where("tenant_id = ?", "acme").Or("1 = 1").Order("id").Find(&rows).Error; err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, row := range rows {
			got = append(got, row.ID)
		}
		if !slices.Equal(got, own) {
			t.Errorf("%q", got)
		}
	})
	t.Run("7, a column that GORM did not select", func(t *testing.T) {
		var rows []taggedItem
		if err := byGORM.WithContext(ctx).Select("id", "tenant_id", "title").Find(&rows).Error; err != nil || len(rows) != len(own) {
			t.Fatal(len(rows), err)
		}
		for i := range rows {
			if may, err := decide(mapper.Object(&rows[i])); may || err != nil {
				t.Errorf("%s: %t, %v", rows[i].ID, may, err)
			}
		}
		if err := byGORM.WithContext(ctx).Find(&rows).Error; err != nil {
			t.Fatal(err)
		}
		allowed := 0
		for i := range rows {
			may, err := decide(mapper.Object(&rows[i]))
			if err != nil || may == *rows[i].Public {
				t.Errorf("%s with it: %t, %v", rows[i].ID, may, err)
			}
			if may {
				allowed++
			}
		}
		if allowed == 0 || allowed == len(rows) {
			t.Errorf("%d of %d: the column decides nothing", allowed, len(rows))
		}
	})
}
