package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/examples/service/config"
)

func loaded(t *testing.T, flags map[string]string) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Sources{Platform: "console", Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// A file that has reached its size is put aside, and no line is lost.
func TestTheLogRotatesAtItsSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log", "tracker.log")
	l, err := newLogs(loaded(t, map[string]string{"log.file": path, "log.max_size_mb": "1"}), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 32<<10)
	const lines = 40 // 1.25 MiB
	for range lines {
		l.Info(line)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.Name()))
		if err != nil || len(text) > 1<<20 {
			t.Errorf("%s has %d bytes, %v", e.Name(), len(text), err)
		}
		found += strings.Count(string(text), line)
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", e.Name(), info.Mode(), err)
		}
	}
	if len(entries) != 2 || found != lines {
		t.Errorf("%d files with %d lines, want 2 with %d", len(entries), found, lines)
	}
}

// The level follows the configuration while the service runs, and a configuration that is wrong
// changes nothing.
func TestTheLevelChangesOnReload(t *testing.T) {
	var out bytes.Buffer
	file := filepath.Join(t.TempDir(), "tracker.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func() (*config.Config, error) { return config.Load(config.Sources{Platform: "console", File: file}) }
	write("log: {level: info}\ntraces: {authorization: hunter1}\n")
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := newTracker(cfg, load, &out)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		text  string
		debug bool
		says  string
	}{
		{"log: {level: debug}\nhttp: {wait: 7s}\ntraces: {authorization: hunter1}\n", true, "after_a_restart=[http.wait]"},
		{"log: {level: debug}\ntraces: {authorization: hunter2}\n", true, "after_a_restart=[traces.authorization]"},
		{"log: {level: loud}\n", true, "nothing has changed"},
		{"log: {level: warn}\n", false, ""},
	} {
		write(step.text)
		out.Reset()
		tr.reload()
		if !strings.Contains(out.String(), step.says) {
			t.Errorf("%s: %s", step.text, out.String())
		}
		out.Reset()
		tr.log.Debug("a detail")
		if strings.Contains(out.String(), "a detail") != step.debug {
			t.Errorf("%s: %s", step.text, out.String())
		}
	}
}

// No request waits for the audit log: what it cannot take is counted and told by its check, what it
// has taken is on the disk when it is closed, and a file that was moved away is begun anew.
func TestTheAuditLogDropsAndSaysSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	a := newAudit(path, 4, nil)
	a.observe(authz.Event{Object: "before"})
	if a.dropped.Load() != 1 || a.Err() == nil || a.Err() != nil {
		t.Error("what comes before the opening is not counted, or told twice")
	}
	if err := a.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		a.observe(authz.Event{Object: "one"})
	}
	if err := a.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	written := int64(strings.Count(string(text), `"object":"one"`))
	if written < 4 || written+a.dropped.Load() != 1001 || a.written.Load() != written {
		t.Errorf("%d written, %d dropped", written, a.dropped.Load())
	}
	a.observe(authz.Event{Object: "late"})
	if a.dropped.Load()+written != 1002 {
		t.Error("what comes after the closing is not counted")
	}

	b := newAudit(path, 4, nil)
	if err := b.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	b.observe(authz.Event{Object: "two"})
	if err := b.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), `"object":"two"`) {
		t.Errorf("%v\n%s", err, text)
	}
}
