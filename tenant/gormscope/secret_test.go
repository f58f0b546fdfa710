package gormscope_test

import (
	"reflect"
	"testing"

	"github.com/reevehq/reeve/internal/secrettest"
	"github.com/reevehq/reeve/tenant/gormscope"
)

func TestNoExportedTypeShowsAKey(t *testing.T) {
	secrettest.Check(t, []reflect.Type{
		reflect.TypeFor[gormscope.Config](),
		reflect.TypeFor[gormscope.Page](),
		reflect.TypeFor[gormscope.Plugin](),
		reflect.TypeFor[gormscope.Predicate](),
	}, nil)
}
