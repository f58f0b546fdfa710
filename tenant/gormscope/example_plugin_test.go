package gormscope_test

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/utils/tests"

	"github.com/reevehq/reeve/tenant/gormscope"
)

type exampleNote struct {
	ID       string
	TenantID string
	Title    string
}

// Queries say the tenant of their context by themselves, rows are stamped with it, and a context
// without one sends nothing.
func ExampleNew() {
	db, err := gorm.Open(tests.DummyDialector{}, &gorm.Config{}) // postgres.New of a pool of sqlscope
	if err != nil {
		panic(err)
	}
	scope, err := gormscope.New(gormscope.Config{Scoped: []any{&exampleNote{}}})
	if err != nil {
		panic(err)
	}
	if err := db.Use(scope); err != nil {
		panic(err)
	}
	list := func(ctx context.Context) (notes []exampleNote, err error) {
		return notes, db.WithContext(ctx).Find(&notes).Error
	}
	_ = list
}
