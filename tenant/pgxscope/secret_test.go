package pgxscope_test

import (
	"reflect"
	"testing"

	"github.com/reevehq/reeve/internal/secrettest"
	"github.com/reevehq/reeve/tenant/pgxscope"
)

func TestNoExportedTypeShowsAKey(t *testing.T) {
	secrettest.Check(t, []reflect.Type{
		reflect.TypeFor[pgxscope.Config](),
		reflect.TypeFor[pgxscope.InsecureAnyStatus](),
		reflect.TypeFor[pgxscope.DB](),
	}, nil)
}
