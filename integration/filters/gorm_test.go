//go:build unix

package filters_test

import (
	"slices"
	"testing"
	"time"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/gormscope"
)

// itemModel is an item to GORM.
type itemModel struct {
	ID       string
	TenantID string
	Title    string
	Size     int64
	Score    float64
	Made     time.Time
	Public   bool
	Code     string
	Owner    *string
}

func (itemModel) TableName() string { return "item" }

// GORM reads the same pages and counts the same list, with an OR of the service's own beside both.
func TestGORMReadsThePagesOfAList(t *testing.T) {
	dbs, _ := items(t, 100)
	pg := dbs[0]
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pg.db}), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	scope, err := gormscope.New(gormscope.Config{Scoped: []any{&itemModel{}}, InsecureUnscopedPool: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Use(scope); err != nil {
		t.Fatal(err)
	}
	ctx, err := tenant.BindUnchecked(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	may := mayRead(t, "r.obj.owner == r.sub.id")
	list := policy.List{Sort: []policy.Sort{{Attribute: "title"}, {Attribute: "size", Descending: true}}, Size: 7}
	read := 0
	for {
		page, err := may.Page(list)
		if err != nil {
			t.Fatal(err)
		}
		var models []itemModel
		if err := db.WithContext(ctx).Where("public").Or("NOT public").Order("code").Scopes(gormscope.InPage(page.In(policy.Postgres))).Find(&models).Error; err != nil {
			t.Fatal(err)
		}
		text, args, err := page.Select(policy.Postgres, policy.Select{Table: "item", As: "i", Columns: itemColumns, Count: 1000})
		if err != nil {
			t.Fatal(err)
		}
		rows, count := pg.items(t, true, text, args...)
		var counted int64
		if err := db.WithContext(ctx).Model(&itemModel{}).Where("public").Or("NOT public").Scopes(gormscope.Where(may.In(policy.Postgres))).Count(&counted).Error; err != nil || int(counted) != count {
			t.Fatalf("GORM counts %d of %d, %v", counted, count, err)
		}
		ids := make([]string, len(models))
		for i, m := range models {
			ids[i] = m.ID
		}
		if !slices.Equal(ids, idsOf(rows)) {
			t.Fatalf("%q\n%q", ids, idsOf(rows))
		}
		kept, next, err := policy.Cut(page, rows, (*item).object)
		if err != nil {
			t.Fatal(err)
		}
		if read += len(kept); next == "" {
			if read != count || read < 20 {
				t.Errorf("%d of %d", read, count)
			}
			return
		}
		list.Cursor = next
	}
}

// Save updates no row that its predicate does not select: where its UPDATE finds none it inserts, and
// updates the row that is there.
func TestGORMSavesNoRowThatAPredicateDoesNotSelect(t *testing.T) {
	dbs, _ := items(t, 0)
	pg := dbs[0]
	alice, bob := "alice", "bob"
	for id, owner := range map[string]*string{"mine": &alice, "bobs": &bob} {
		pg.add(t, item{id: id, tenant: "acme", title: "before", code: "6ba7b810-9dad-11d1-80b4-00c04fd430c8", owner: owner})
	}
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pg.db}), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	scope, err := gormscope.New(gormscope.Config{Scoped: []any{&itemModel{}}, InsecureUnscopedPool: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Use(scope); err != nil {
		t.Fatal(err)
	}
	ctx, err := tenant.BindUnchecked(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	may := gormscope.Where(mayRead(t, "r.obj.owner == r.sub.id").In(policy.Postgres))
	for _, save := range []func(*gorm.DB, *itemModel) *gorm.DB{
		func(db *gorm.DB, m *itemModel) *gorm.DB { return db.Save(m) },
		func(db *gorm.DB, m *itemModel) *gorm.DB { return db.Save(&[]itemModel{*m}) },
		func(db *gorm.DB, m *itemModel) *gorm.DB { return db.Model(m).Updates(m) },
		func(db *gorm.DB, m *itemModel) *gorm.DB {
			return db.Where(db.Session(&gorm.Session{NewDB: true}).Scopes(may)).Updates(m)
		},
	} {
		for _, id := range []string{"mine", "bobs"} {
			m := itemModel{ID: id, Title: "after", Code: "6ba7b810-9dad-11d1-80b4-00c04fd430c8", Owner: &alice}
			if err := save(db.WithContext(ctx).Scopes(may), &m).Error; err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		got, err := pg.column(t, "SELECT id || ' ' || title || ' ' || owner FROM item ORDER BY 1")
		if err != nil || !slices.Equal(got, []string{"bobs before bob", "mine after alice"}) {
			t.Errorf("%q, %v", got, err)
		}
		pg.exec(t, "UPDATE item SET title = 'before', owner = CASE id WHEN 'mine' THEN 'alice' ELSE 'bob' END")
	}
}
