package main

import (
	"testing"

	"github.com/reevehq/reeve/internal/secrettest"
)

// The command exports no type, and so none that could show a key.
func TestNoExportedTypeShowsAKey(t *testing.T) {
	secrettest.Check(t, nil, nil)
}
