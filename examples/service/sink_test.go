package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/examples/service/config"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
)

// disk is one that can be full. The space left takes a part of a line.
type disk struct {
	full bool
	left int
	text bytes.Buffer
}

func (d *disk) Write(p []byte) (int, error) {
	if !d.full {
		return d.text.Write(p)
	}
	n := min(d.left, len(p))
	d.left -= n
	d.text.Write(p[:n])
	return n, syscall.ENOSPC
}

// A line that is written before the check asks does not hide that others are missing.
func TestALineAfterAFullDiskDoesNotHideWhatIsMissing(t *testing.T) {
	l, err := newLogs(loaded(t, map[string]string{"log.file": filepath.Join(t.TempDir(), "tracker.log")}), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &disk{full: true}
	l.out.to = d
	l.Info("lost")
	d.full = false
	l.Info("kept")
	if err := l.Err(); err != nil || !strings.Contains(d.text.String(), "lines are missing here\" lines=1") {
		t.Errorf("%v\n%s", err, d.text.String())
	}
}

// While the disk is full lines go to standard output and the check of the log fails. Once it has room,
// the check passes, the log says how many lines are missing, and no line is joined to a part of another.
func TestALogWhoseDiskIsFullSaysWhatIsMissing(t *testing.T) {
	var stdout bytes.Buffer
	l, err := newLogs(loaded(t, map[string]string{"log.file": filepath.Join(t.TempDir(), "tracker.log")}), &stdout)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &disk{}
	l.out.to = d
	l.Info("first")
	if err := l.Err(); err != nil || stdout.Len() > 0 {
		t.Fatalf("%v %s", err, stdout.String())
	}
	d.full, d.left = true, 10
	l.Info("second")
	l.Info("third")
	for range 3 {
		if err := l.Err(); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a full disk: %v", err)
		}
	}
	if text := stdout.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "msg=second") || !strings.Contains(text, "msg=third") {
		t.Errorf("standard output has\n%s", text)
	}
	d.full = false
	for range 2 { // the second changes nothing
		if err := l.Err(); err != nil {
			t.Errorf("with room again: %v", err)
		}
	}
	l.Info("fourth")
	lines := strings.Split(strings.TrimSpace(d.text.String()), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], "msg=first") || len(lines[1]) != 10 || !strings.Contains(lines[2], `msg="log: lines are missing here" lines=2`) || !strings.Contains(lines[3], "msg=fourth") {
		t.Errorf("the log has\n%s", d.text.String())
	}
	if strings.Count(stdout.String(), "\n") != 2 {
		t.Errorf("standard output has\n%s", stdout.String())
	}
}

// A log whose folder is gone, and cannot be made again, fails its check; its lines go to standard output
// as soon as the file that is still open has its size. Once there may be a folder, the file is begun
// anew, which is told once. So it is where the file alone was moved away.
func TestALogWhoseFolderIsGoneIsBegunAnew(t *testing.T) {
	var stdout bytes.Buffer
	folder := filepath.Join(t.TempDir(), "log")
	path := filepath.Join(folder, "tracker.log")
	l, err := newLogs(loaded(t, map[string]string{"log.file": path, "log.max_size_mb": "1"}), &stdout)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Info("first")
	aside := folder + ".aside"
	if err := errors.Join(os.Rename(folder, aside), os.WriteFile(folder, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Err(); err == nil || !strings.Contains(err.Error(), "cannot be begun anew") {
			t.Errorf("without a folder: %v", err)
		}
	}
	half := strings.Repeat("x", 600<<10)
	l.Info(half) // into the file that is open
	l.Info(half)
	if n := strings.Count(stdout.String(), half); n != 1 {
		t.Errorf("standard output has %d of the lines that the file did not take", n)
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := l.Err(); err == nil || !strings.Contains(err.Error(), "was gone, and is begun anew") {
		t.Errorf("with a folder again: %v", err)
	}
	if err := l.Err(); err != nil {
		t.Errorf("the second time: %v", err)
	}
	l.Info("second")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Err(); err == nil {
		t.Error("a file that was moved away is not told of")
	}
	l.Info("third")
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "third") || strings.Contains(string(text), "second") {
		t.Errorf("%v\n%s", err, text)
	}
	if text, err := os.ReadFile(path + ".1"); err != nil || !strings.Contains(string(text), "second") || !strings.Contains(string(text), "lines are missing here\" lines=1") {
		t.Errorf("%v\n%.2000s", err, text)
	}
}

// A device would be renamed when the log is put aside, and a pipe waits for whoever reads it, with every
// request that logs a line.
func TestALogIsAFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps no pipe in a folder")
	}
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := exec.Command("mkfifo", pipe).Run(); err != nil {
		testneed.Missing(t, "mkfifo makes no pipe: "+err.Error())
	}
	within := func(name string, f func() error) error {
		t.Helper()
		result := make(chan error, 1)
		go func() { result <- f() }()
		select {
		case err := <-result:
			return err
		case <-time.After(testwait.Limit):
			t.Fatalf("%s: it waits for a reader of the pipe, and so does each line", name)
			return nil
		}
	}
	for _, file := range []string{"/dev/null", "/dev/stdout", "/proc/self/fd/1", dir, pipe} {
		if err := within(file, func() error {
			_, err := newLogs(loaded(t, map[string]string{"log.file": file}), &bytes.Buffer{})
			return err
		}); !errors.Is(err, errNoLogFile) {
			t.Errorf("%s: %v", file, err)
		}
	}
	path := filepath.Join(dir, "tracker.log")
	l, err := newLogs(loaded(t, map[string]string{"log.file": path}), &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Info("begins")
	if err := errors.Join(os.Rename(path, path+".1"), os.Rename(pipe, path)); err != nil {
		t.Fatal(err)
	}
	if err := within("reopen", l.out.reopen); !errors.Is(err, errNoLogFile) {
		t.Errorf("a pipe is opened: %v", err)
	}
	l.Info("goes on")
	if text, err := os.ReadFile(path + ".1"); err != nil || !strings.Contains(string(text), "goes on") {
		t.Errorf("%q, %v", text, err)
	}
}

// A decision that is in the audit log as a whole is counted as written, and every other one as dropped,
// however many were written at once and however much of them the disk took. A file that cannot be opened
// anew is tried again with the next decision.
func TestTheAuditLogCountsWhatIsOnTheDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full stands for a disk that is full here")
	}
	folder := filepath.Join(t.TempDir(), "audit")
	path := filepath.Join(folder, "audit.jsonl")
	if err := errors.Join(os.Mkdir(folder, 0o700), os.Symlink("/dev/full", path)); err != nil {
		t.Fatal(err)
	}
	a := newAudit(path, 4096, nil)
	if err := a.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	const many = 1000
	for range many {
		a.observe(authz.Event{Object: "lost"})
	}
	testwait.Until(t, "all are dropped", func() bool { return a.dropped.Load() == many })
	if n := a.written.Load(); n != 0 || !errors.Is(a.Err(), syscall.ENOSPC) {
		t.Errorf("%d are counted as written, %v", n, a.Err())
	}
	// The folder goes: neither can the file be opened anew, nor is anything in its place.
	if err := errors.Join(os.RemoveAll(folder), os.WriteFile(folder, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := a.Err(); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("without a folder: %v", err)
	}
	a.observe(authz.Event{Object: "lost"})
	testwait.Until(t, "one more is dropped", func() bool { return a.dropped.Load() == many+1 })
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	a.observe(authz.Event{Object: "kept"})
	testwait.Until(t, "it is written", func() bool { return a.written.Load() == 1 })
	if err := a.Err(); !errors.Is(err, errDropped) && err != nil {
		t.Error(err)
	}
	if err := errors.Join(a.Err(), a.close(t.Context())); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Count(string(text), "\n") != 1 || !strings.Contains(string(text), "kept") {
		t.Errorf("%v\n%s", err, text)
	}
}

// Reloads may come two at once, and while the service ends: each is whole, and none begins anything
// that nobody ends.
func TestReloadsDuringTheEnd(t *testing.T) {
	p := newProvider(t)
	issuers := filepath.Join(t.TempDir(), "issuers.yaml")
	if err := os.WriteFile(issuers, []byte(p.entry()), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := loaded(t, map[string]string{
		"http.addr": "127.0.0.1:0", "ops.addr": "127.0.0.1:0", "issuers.file": issuers, "log.level": "error",
		"log.file": filepath.Join(t.TempDir(), "tracker.log"), "audit.file": filepath.Join(t.TempDir(), "audit.jsonl"),
	})
	tr, err := newTracker(cfg, func() (*config.Config, error) { return cfg, nil }, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.group.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var reloads sync.WaitGroup
	over := make(chan struct{})
	for range 4 {
		reloads.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					tr.reload()
				}
			}
		})
	}
	if err := tr.group.Close(); err != nil {
		t.Error(err)
	}
	close(over)
	reloads.Wait()
	// One that comes after everything, with a file that lists nobody any more.
	if err := os.WriteFile(issuers, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := len(tr.issuers.current)
	tr.reload()
	if after := len(tr.issuers.current); before != 1 || after != before {
		t.Errorf("%d issuers are followed, %d after a reload behind the end", before, after)
	}
	if err := tr.log.Close(); err != nil {
		t.Error(err)
	}
}
