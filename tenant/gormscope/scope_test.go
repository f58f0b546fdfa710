package gormscope_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/utils/tests"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/gormscope"
)

type note struct {
	ID       string `gorm:"primaryKey"`
	TenantID string
	Title    string
	ParentID string
	Parent   *note
}

type plan struct{ ID, Name string }

type forgotten struct{ ID string }

// open returns GORM that builds texts and sends none.
func open(t *testing.T) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(tests.DummyDialector{}, &gorm.Config{DryRun: true, SkipDefaultTransaction: true, Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	p, err := gormscope.New(gormscope.Config{Scoped: []any{&note{}}, Global: []any{&plan{}}, InsecureUnscopedPool: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Use(p); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(db); err != nil {
		t.Error(err)
	}
	ctx, err := tenant.BindUnchecked(t.Context(), tenant.MustParse("acme"))
	if err != nil {
		t.Fatal(err)
	}
	return db.WithContext(ctx)
}

func TestQueriesAreWithinTheTenant(t *testing.T) {
	db := open(t)
	rows, one := []note{}, note{}
	for want, got := range map[string]*gorm.DB{
		"SELECT * FROM `notes` WHERE `notes`.`tenant_id` = ?":                             db.Find(&rows),
		"SELECT * FROM `notes` WHERE (a OR b) AND `notes`.`tenant_id` = ?":                db.Where("a").Or("b").Find(&rows),
		"SELECT * FROM `notes` WHERE (1=1\tOR\t1=1) AND `notes`.`tenant_id` = ?":          db.Where("1=1\tOR\t1=1").Find(&rows),
		"UPDATE `notes` SET `title`=? WHERE (id = ? OR true) AND `notes`.`tenant_id` = ?": db.Model(&one).Where("id = ?", "x").Or("true").Update("title", "y"),
		"DELETE FROM `notes` WHERE (id = ?) AND `notes`.`tenant_id` = ?":                  db.Where("id = ?", "x").Delete(&note{}),
		"SELECT * FROM `plans`": db.Find(&[]plan{}),
		"SELECT * FROM `notes` WHERE (((SELECT ?))) AND `notes`.`tenant_id` = ?":                db.Scopes(gormscope.Where(text{"(SELECT ?)", []any{1}, nil})).Find(&rows),
		"INSERT INTO `notes` (`id`,`tenant_id`,`title`,`parent_id`) VALUES (?,?,?,?)":           db.Create(&note{ID: "x"}),
		"INSERT INTO `notes` (`id`,`tenant_id`,`title`,`parent_id`) VALUES (?,?,?,?),(?,?,?,?)": db.Create(&[]note{{ID: "x"}, {ID: "y"}}),
	} {
		if got.Error != nil {
			t.Errorf("%s: %v", want, got.Error)
		}
		if text := strings.TrimSpace(got.Statement.SQL.String()); !strings.HasPrefix(text, want) {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	}
	upsert := db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"title"})}).Create(&note{ID: "x"})
	if text := upsert.Statement.SQL.String(); upsert.Error != nil || !strings.Contains(text, "DO UPDATE SET") || !strings.Contains(text, "WHERE `notes`.`tenant_id` = ?") {
		t.Errorf("an upsert: %s, %v", text, upsert.Error)
	}
	if joined := db.Joins("Parent").Find(&rows).Statement.SQL.String(); !strings.Contains(joined, "AND `Parent`.`tenant_id` = ?") {
		t.Errorf("a join: %s", joined)
	}
}

// An OR reaches past no predicate and no page, wherever it stands, and neither do an order and a
// limit of the query's own.
func TestAPredicateIsBesideNoOr(t *testing.T) {
	db := open(t)
	rows, plans := []note{}, []plan{}
	may, page := gormscope.Where(text{"may", nil, nil}), gormscope.InPage(pageText{"may", "x DESC", 3, nil})
	or := func(db *gorm.DB) *gorm.DB { return db.Or("b") }
	for want, got := range map[string]*gorm.DB{
		"SELECT * FROM `notes` WHERE (((a OR b)) AND (may)) AND `notes`.`tenant_id` = ?":                       db.Where("a").Or("b").Scopes(may).Find(&rows),
		"SELECT * FROM `notes` WHERE (((a) OR b) AND (may)) AND `notes`.`tenant_id` = ?":                       db.Where("a").Scopes(may, or).Find(&rows),
		"SELECT * FROM `notes` WHERE (((b OR c)) AND (may)) AND `notes`.`tenant_id` = ?":                       db.Scopes(may).Where("b").Or("c").Find(&rows),
		"SELECT * FROM `notes` WHERE (((c)) AND (may)) AND `notes`.`tenant_id` = ?":                            db.Scopes(may).Find(&rows, "c"),
		"SELECT * FROM `plans` WHERE ((a) OR b) AND (may)":                                                     db.Where("a").Scopes(may, or).Find(&plans),
		"SELECT count(*) FROM `notes` WHERE (((a OR b)) AND (may)) AND `notes`.`tenant_id` = ?":                db.Model(&note{}).Where("a").Or("b").Scopes(may).Count(new(int64)),
		"SELECT * FROM `notes` WHERE (((a OR b)) AND (may)) AND `notes`.`tenant_id` = ? ORDER BY x DESC LIMIT": db.Where("a").Or("b").Scopes(page).Find(&rows),
		"SELECT * FROM `notes` WHERE ((may)) AND `notes`.`tenant_id` = ? ORDER BY x DESC LIMIT":                db.Order("title").Limit(1000).Offset(7).Scopes(page).Find(&rows),
		"SELECT `id`,`title` FROM `notes` WHERE ((may)) AND `notes`.`tenant_id` = ? ORDER BY x DESC LIMIT":     db.Select("id", "title").Scopes(page).Find(&rows),
	} {
		if got.Error != nil {
			t.Errorf("%s: %v", want, got.Error)
		}
		text := strings.TrimSpace(got.Statement.SQL.String())
		if !strings.HasPrefix(text, want) || strings.Contains(want, "LIMIT") && (strings.Contains(text, "OFFSET") || got.Statement.Vars[len(got.Statement.Vars)-1] != 3) {
			t.Errorf("got  %s %v\nwant %s", text, got.Statement.Vars, want)
		}
	}
	broken := errors.New("broken")
	for name, p := range map[string]gormscope.Page{"none": nil, "without a text": pageText{"", "x", 1, nil}, "without an order": pageText{"may", "", 1, nil}, "without a limit": pageText{"may", "x", 0, nil}, "broken": pageText{"may", "x", 1, broken}} {
		if err := db.Scopes(gormscope.InPage(p)).Find(&rows).Error; err == nil || name == "broken" && !errors.Is(err, broken) {
			t.Errorf("a page %s: %v", name, err)
		}
	}
}

// pageText is a page.
type pageText struct {
	where, order string
	limit        int
	err          error
}

func (p pageText) SQL(string) (string, string, int, []any, error) {
	return p.where, p.order, p.limit, nil, p.err
}

// text is a predicate.
type text struct {
	text string
	args []any
	err  error
}

func (p text) SQL(string) (string, []any, error) { return p.text, p.args, p.err }

func TestWhatIsRefused(t *testing.T) {
	db, broken := open(t), errors.New("broken")
	rows := []note{}
	for name, c := range map[string]struct {
		got  error
		want error // nil for any
	}{
		"no tenant":                  {db.WithContext(context.Background()).Find(&rows).Error, tenant.ErrNoScope},
		"a model nobody registered":  {db.Find(&[]forgotten{}).Error, gormscope.ErrUnregistered},
		"parentheses that close":     {db.Where("1=1) OR (1=1").Find(&rows).Error, gormscope.ErrText},
		"a comment":                  {db.Where("1=1 --").Find(&rows).Error, gormscope.ErrText},
		"a comment of another form":  {db.Where("1=1 /*").Find(&rows).Error, gormscope.ErrText},
		"a constant that is open":    {db.Where("title = 'x").Find(&rows).Error, gormscope.ErrText},
		"raw SQL":                    {db.Raw("SELECT 1").Scan(&rows).Error, gormscope.ErrText},
		"Exec":                       {db.Exec("SELECT 1").Error, gormscope.ErrText},
		"a table":                    {db.Table("notes AS n").Find(&rows).Error, gormscope.ErrText},
		"a join by text":             {db.Joins("JOIN notes b ON true").Find(&rows).Error, gormscope.ErrText},
		"a foreign row":              {db.Create(&note{ID: "x", TenantID: "globex"}).Error, tenant.ErrMismatch},
		"a foreign row by a map":     {db.Model(&note{}).Create(map[string]any{"TenantID": "globex"}).Error, tenant.ErrMismatch},
		"the tenant is omitted":      {db.Omit("TenantID").Create(&note{ID: "x"}).Error, gormscope.ErrImmutable},
		"the tenant is updated":      {db.Model(&note{}).Where("true").Update("tenant_id", "globex").Error, gormscope.ErrImmutable},
		"the tenant by its field":    {db.Model(&note{}).Where("true").UpdateColumn("TenantID", "globex").Error, gormscope.ErrImmutable},
		"the tenant by a struct":     {db.Model(&note{}).Where("true").Updates(note{TenantID: "globex"}).Error, tenant.ErrMismatch},
		"the tenant by an upsert":    {db.Clauses(clause.OnConflict{DoUpdates: clause.AssignmentColumns([]string{"tenant_id"})}).Create(&note{ID: "x"}).Error, gormscope.ErrImmutable},
		"an update of everything":    {db.Model(&note{}).Update("title", "x").Error, gorm.ErrMissingWhereClause},
		"a deletion of everything":   {db.Delete(&note{}).Error, gorm.ErrMissingWhereClause},
		"a predicate without a text": {db.Scopes(gormscope.Where(text{})).Find(&rows).Error, nil},
		"a predicate with an error":  {db.Scopes(gormscope.Where(text{"true", nil, broken})).Find(&rows).Error, broken},
		"no predicate":               {db.Scopes(gormscope.Where(nil)).Find(&rows).Error, nil},
	} {
		if c.got == nil || c.want != nil && !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v", name, c.got)
		}
	}
}

func TestAnUnscopedPoolIsRefused(t *testing.T) {
	db, err := gorm.Open(tests.DummyDialector{}, &gorm.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := gormscope.New(gormscope.Config{Scoped: []any{&note{}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Use(p); err == nil {
		t.Error("a pool that nobody scopes is accepted")
	}
	for name, cfg := range map[string]gormscope.Config{
		"nothing": {}, "a scoped model without the column": {Scoped: []any{&plan{}}}, "a global one with it": {Scoped: []any{&note{}}, Global: []any{&note{}}},
	} {
		if _, err := gormscope.New(cfg); err == nil {
			t.Errorf("%s is a config", name)
		}
	}
}
