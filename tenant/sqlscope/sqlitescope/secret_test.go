package sqlitescope_test

import (
	"reflect"
	"testing"

	"github.com/reevehq/reeve/internal/secrettest"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

func TestNoExportedTypeShowsAKey(t *testing.T) {
	secrettest.Check(t, []reflect.Type{
		reflect.TypeFor[sqlitescope.Config](),
		reflect.TypeFor[sqlitescope.Store](),
		reflect.TypeFor[sqlitescope.Stats](),
	}, nil)
}
