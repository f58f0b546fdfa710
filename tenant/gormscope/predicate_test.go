package gormscope_test

import (
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/utils/tests"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/gormscope"
)

// aliased is a predicate that says of which table it is.
type aliased struct{}

func (aliased) SQL(alias string) (string, []any, error) { return alias + ".may = ?", []any{1}, nil }

// A predicate is not lost where it stands within a condition or a join: GORM runs the scopes of a
// group without its model, drops their errors, and runs none of a join. Within an OR or a NOT it is an
// error.
func TestAPredicateWithinAnotherStatementIsNotLost(t *testing.T) {
	db := open(t)
	may, page, none := gormscope.Where(aliased{}), gormscope.InPage(pageText{"may", "x DESC", 3, nil}), gormscope.Where(nil)
	model := func() *gorm.DB { return db.Model(&note{}) }
	for name, c := range map[string]struct {
		got  *gorm.DB
		want string // in the text, "" for an error
	}{
		"a group":                 {db.Where(db.Scopes(may)).Find(&[]note{}), "WHERE ((notes.may = ?)) AND"},
		"a group beside an OR":    {db.Where(db.Scopes(may)).Or("b").Find(&[]note{}), "WHERE ((b) AND (notes.may = ?)) AND"},
		"a group of two":          {db.Where(db.Where("a").Scopes(may)).Find(&[]note{}), "(a))) AND (notes.may = ?)) AND"},
		"a group with an OR":      {db.Where(db.Where("a").Or("b").Scopes(may)).Find(&[]note{}), "(a OR b))) AND (notes.may = ?)) AND"},
		"a group within another":  {db.Where(db.Where("a").Where(db.Scopes(may).Where("b"))).Find(&[]note{}), " AND (notes.may = ?)) AND"},
		"a group of a model":      {db.Where(model().Scopes(may)).Find(&[]note{}), "WHERE ((notes.may = ?)) AND"},
		"a group, then a scope":   {db.Where(db.Scopes(may)).Or("b").Scopes(may).Find(&[]note{}), "(b))) AND (notes.may = ?) AND (notes.may = ?)) AND"},
		"a group of a page":       {db.Where(db.Scopes(page)).Find(&[]note{}), ""},
		"a group of no predicate": {db.Where(db.Scopes(none)).Find(&[]note{}), ""},
		"a scope after an OR":     {db.Scopes(may, func(db *gorm.DB) *gorm.DB { return db.Or("b") }, may).Find(&[]note{}), "(b))) AND (notes.may = ?) AND (notes.may = ?)) AND"},
		"an OR of it":             {db.Where("a").Or(db.Scopes(may)).Find(&[]note{}), ""},
		"an OR of a model's":      {db.Where("a").Or(model().Scopes(may)).Find(&[]note{}), ""},
		"an OR of two":            {db.Where("a").Or(db.Where("b").Scopes(may)).Find(&[]note{}), ""},
		"a NOT of it":             {db.Not(db.Scopes(may)).Find(&[]note{}), ""},
		"a NOT of two":            {db.Not(db.Where("a").Scopes(may)).Find(&[]note{}), ""},
		"an update":               {model().Where(db.Scopes(may)).Update("title", "x"), "WHERE ((notes.may = ?)) AND"},
		"a deletion":              {db.Where(db.Scopes(may)).Delete(&note{}), "WHERE ((notes.may = ?)) AND"},
		"a count":                 {model().Where(db.Scopes(may)).Count(new(int64)), "WHERE ((notes.may = ?)) AND"},
		"a condition of Find":     {db.Find(&[]note{}, db.Scopes(may)), "WHERE ((notes.may = ?)) AND"},
		"a join":                  {db.Joins("Parent", db.Scopes(may)).Find(&[]note{}), "AND (((Parent.may = ?)) AND"},
		"a join of a model":       {db.Joins("Parent", model().Scopes(may)).Find(&[]note{}), "AND (((Parent.may = ?)) AND"},
		"an inner join":           {db.InnerJoins("Parent", db.Where("a").Scopes(may)).Find(&[]note{}), "(a))) AND (Parent.may = ?)) AND"},
		"a join of no predicate":  {db.Joins("Parent", db.Scopes(none)).Find(&[]note{}), ""},
		"a join of a NOT":         {db.Joins("Parent", db.Not(db.Scopes(may))).Find(&[]note{}), ""},
		"a join of a page":        {db.Joins("Parent", model().Scopes(page)).Find(&[]note{}), ""},
		"a join and a predicate":  {db.Joins("Parent", db.Scopes(may)).Scopes(may).Find(&[]note{}), "WHERE ((notes.may = ?)) AND"},
		"an upsert":               {db.Scopes(may).Clauses(clause.OnConflict{UpdateAll: true}).Create(&note{ID: "x"}), " WHERE ((notes.may = ?)) AND `notes`.`tenant_id` = ?"},
		"an upsert of many":       {db.Scopes(may).Save(&[]note{{ID: "x"}}), " WHERE ((notes.may = ?)) AND `notes`.`tenant_id` = ?"},
		"an upsert with an OR":    {db.Scopes(may).Clauses(clause.OnConflict{UpdateAll: true, Where: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "a"}, clause.Or(clause.Expr{SQL: "b"})}}}).Create(&note{ID: "x"}), " WHERE ((a OR b) AND (notes.may = ?)) AND `notes`.`tenant_id` = ?"},
		"an upsert of no tenant":  {db.Scopes(may).Clauses(clause.OnConflict{UpdateAll: true}).Create(&plan{ID: "x"}), " WHERE (plans.may = ?)"},
		"a sub-query":             {db.Where("id IN (?)", model().Select("id").Scopes(may)).Find(&[]note{}), "(id IN (SELECT `id` FROM `notes` WHERE ((notes.may = ?)) AND"},
		"a table without tenants": {db.Where(db.Scopes(may)).Or("b").Find(&[]plan{}), "WHERE (b) AND (plans.may = ?)"},
	} {
		text := c.got.Statement.SQL.String()
		if c.want == "" && c.got.Error == nil || c.want != "" && (c.got.Error != nil || !strings.Contains(text, c.want)) {
			t.Errorf("%s: %s, %v\nwant %s", name, text, c.got.Error, c.want)
		}
	}
}

// Raw SQL has no place for a predicate: GORM would leave it out.
func TestAPredicateBesideRawSQLIsAnError(t *testing.T) {
	db, may := open(t), gormscope.Where(aliased{})
	for name, got := range map[string]*gorm.DB{
		"read":              db.Scopes(may).Raw("SELECT * FROM notes").Scan(&[]note{}),
		"read by Find":      db.Raw("SELECT * FROM notes").Scopes(may).Find(&[]note{}),
		"read with a model": db.Model(&note{}).Scopes(may).Raw("SELECT * FROM notes").Find(&[]note{}),
		"changed":           db.Scopes(may).Exec("UPDATE notes SET title = 'x'"),
	} {
		if got.Error == nil || !strings.Contains(got.Error.Error(), "a predicate beside raw SQL") {
			t.Errorf("%s: %s, %v", name, got.Statement.SQL.String(), got.Error)
		}
	}
}

// thread has notes, which GORM deletes and saves with it.
type thread struct {
	ID       string `gorm:"primaryKey"`
	TenantID string
	Notes    []note `gorm:"foreignKey:ParentID"`
}

// Rows of associations are deleted whether or not their owner is a row of the predicate.
func TestAPredicateBesideSelectedAssociationsIsAnError(t *testing.T) {
	db, err := gorm.Open(tests.DummyDialector{}, &gorm.Config{DryRun: true, SkipDefaultTransaction: true, Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	scope, err := gormscope.New(gormscope.Config{Scoped: []any{&note{}, &thread{}}, InsecureUnscopedPool: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Use(scope); err != nil {
		t.Fatal(err)
	}
	ctx, err := tenant.BindUnchecked(t.Context(), tenant.MustParse("acme"))
	if err != nil {
		t.Fatal(err)
	}
	db = db.WithContext(ctx)
	deleted := 0
	if err := db.Callback().Delete().After("gorm:delete").Register("deleted", func(db *gorm.DB) {
		if db.Error == nil && db.Statement.Table == "notes" {
			deleted++
		}
	}); err != nil {
		t.Fatal(err)
	}
	may, one := gormscope.Where(aliased{}), func() *thread { return &thread{ID: "x", Notes: []note{{ID: "y"}}} }
	for name, got := range map[string]func() *gorm.DB{
		"deleted by name":  func() *gorm.DB { return db.Scopes(may).Select("Notes").Delete(one()) },
		"deleted, all":     func() *gorm.DB { return db.Scopes(may).Select(clause.Associations).Delete(one()) },
		"deleted in depth": func() *gorm.DB { return db.Scopes(may).Select("Notes.Parent").Delete(one()) },
		"saved":            func() *gorm.DB { return db.Scopes(may).Select("Notes").Updates(one()) },
	} {
		if err := got().Error; err == nil || !strings.Contains(err.Error(), "associations") || deleted > 0 {
			t.Errorf("%s: %v, %d deletions of notes", name, err, deleted)
		}
	}
	if err := db.Scopes(may).Select("id").Find(&[]thread{}).Error; err != nil {
		t.Error(err)
	}
	if err := db.Select("Notes").Delete(one()).Error; err != nil || deleted == 0 { // the attack, without a predicate
		t.Errorf("%v, %d deletions of notes", err, deleted)
	}
}
