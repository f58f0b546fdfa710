package configerr_test

import (
	"errors"
	"fmt"
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

// reader is an interface that a pointer and a function implement.
type (
	reader   interface{ Read() }
	pointer  struct{}
	function func()
)

func (*pointer) Read() {}
func (function) Read() {}

func TestANilInsideAnInterfaceIsMissing(t *testing.T) {
	for name, c := range map[string]struct {
		value   any
		missing bool
	}{
		"nil":                  {nil, true},
		"a nil interface":      {reader(nil), true},
		"a nil pointer":        {reader((*pointer)(nil)), true},
		"a nil function":       {reader(function(nil)), true},
		"a pointer":            {reader(&pointer{}), false},
		"a function":           {reader(function(func() {})), false},
		"a function by itself": {func() {}, false},
		"an empty text":        {"", false},
		"a nil map":            {map[string]int(nil), false}, // which can be asked
	} {
		var p configerr.Problems
		p.Require("Reader", c.value, "")
		if err := p.Err("x", nil); (err != nil) != c.missing || err != nil && err.Error() != "x: invalid config: Reader: required" {
			t.Errorf("%s: %v", name, err)
		}
	}
	var p configerr.Problems
	p.Require("Reader", nil, "for example os.Stdin")
	if err := p.Err("x", nil); err.Error() != "x: invalid config: Reader: required, for example os.Stdin" {
		t.Error(err)
	}
}

func TestTheProblemsOfAPartAreThoseOfTheWhole(t *testing.T) {
	var part, whole configerr.Problems
	part.Add("Key", "required")
	part.Add("Lifetime", "%w", io.ErrShortBuffer)
	err := part.Err("part", errors.New("kind of the part"))
	whole.Within("", nil)
	whole.Within("", err)
	whole.Within("Part", fmt.Errorf("wrapped: %w", err))
	whole.Within("Other", io.EOF)
	got := whole.Err("whole", nil)
	if want := "whole: invalid config: Key: required\nLifetime: short buffer\nPart.Key: required\nPart.Lifetime: short buffer\nOther: EOF"; got.Error() != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !errors.Is(got, io.ErrShortBuffer) || !errors.Is(got, io.EOF) {
		t.Error("it does not wrap the causes")
	}
}
