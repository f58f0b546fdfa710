package configerr_test

import (
	"errors"
	"io"
	"testing"

	"github.com/reevehq/reeve/internal/configerr"
)

func TestAllProblemsAreInOneError(t *testing.T) {
	kind := errors.New("kind")
	var p configerr.Problems
	if err := p.Err("redisstore", kind); err != nil {
		t.Fatalf("no problems: %v", err)
	}
	p.Add("NameKey", "%d bytes: %w", 3, io.ErrShortBuffer)
	p.Append(nil, errors.New("Prefix: required"))
	err := p.Err("redisstore", kind)
	if want := "redisstore: invalid config: NameKey: 3 bytes: short buffer\nPrefix: required"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if !errors.Is(err, kind) || !errors.Is(err, io.ErrShortBuffer) {
		t.Error("it wraps neither its kind nor its cause")
	}
	if err := p.Err("redisstore", nil); errors.Is(err, kind) || !errors.Is(err, io.ErrShortBuffer) {
		t.Error("without a kind it wraps the causes alone")
	}
}
