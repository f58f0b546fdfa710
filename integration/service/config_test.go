//go:build unix

package service_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
)

// Each mistake in a file of configuration is named by the file and the line, and the program exits with
// 2 before it opens anything.
func TestEachInvalidConfigurationIsNamedByFileAndLine(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		text string
		line string
		says string
	}{
		"a setting that another needs is missing": {"log:\n  level: info\nredis:\n  url: redis://u:hunter2@h:1\n", "4", "redis.url: keys.session is missing"},
		"a key of publishers is missing":          {"policy:\n  redis: tracker\n", "2", "policy.redis: policy.keys is missing"},
		"a policy in Redis without Redis":         {"policy:\n  redis: tracker\n  keys: x\n", "2", "policy.redis: redis.url is missing"},
		"two policies":                            {"policy:\n  dir: /p\n  redis: tracker\n  keys: x\n", "2", "policy.dir: it stands beside policy.redis"},
		"a list for a number":                     {"log:\n  max_files: [1]\n", "2", "log.max_files: "},
		"a text for a number":                     {"audit:\n  queue: many\n", "2", "audit.queue: "},
		"a number for a text":                     {"\n\nlog:\n  file: 7\n", "4", "log.file: "},
		"a text for a section":                    {"http: fast\n", "1", "http: "},
		"an unknown setting":                      {"http:\n  adr: 127.0.0.1:1\n", "2", "http.adr: there is no such setting"},
		"an unknown section":                      {"htp:\n  addr: 127.0.0.1:1\n", "1", "htp: there is no such setting"},
		"a duration without a unit":               {"http:\n  drain: 20\n", "2", "http.drain: "},
		"a duration that is none":                 {"http:\n  wait: soon\n", "2", "http.wait: "},
		"a duration below zero":                   {"redis:\n  start_timeout: -1s\n", "2", "redis.start_timeout: "},
		"a beat that is too fast":                 {"redis:\n  beat: 1ms\n", "2", "redis.beat: "},
		"an address without a port":               {"ops:\n  addr: localhost\n", "2", "ops.addr: "},
		"a collector that is no address":          {"traces:\n  url: collector:4318\n", "2", "traces.url: "},
		"a collector with a password":             {"traces:\n  url: https://u:hunter2@c/v1/traces\n", "2", "traces.url: "},
		"a level that there is not":               {"log:\n  level: loud\n", "2", "log.level: "},
		"a secret of another form":                {"redis:\n  url: http://u:hunter2@h\n", "2", "redis.url: "},
		"a secret whose file cannot be read":      {"traces:\n  authorization: file:/nowhere/a\n", "2", "traces.authorization: /nowhere/a cannot be read"},
		"a key twice":                             {"log:\n  level: info\n  level: warn\n", "3", "level"},
		"no YAML":                                 {"log:\n  level: \"info\n", "", ""},
		"a tab":                                   {"log:\n\tlevel: info\n", "2", ""},
		"a second document":                       {"log: {level: info}\n---\nlog: {level: warn}\n", "2", "a second document"},
	} {
		file := filepath.Join(t.TempDir(), "tracker.yaml")
		if err := os.WriteFile(file, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, out := runs(t, path, file)
		if code != 2 || !strings.Contains(out, file+":"+row.line) || !strings.Contains(out, row.says) || strings.Contains(out, "hunter2") || strings.Contains(out, "service: opened") {
			t.Errorf("%s: exit %d\n%s", name, code, out)
		}
	}
	folder := t.TempDir()
	big := filepath.Join(folder, "big.yaml")
	if err := os.WriteFile(big, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{
		"a file that is not there": filepath.Join(folder, "gone.yaml"), "a folder": folder, "a file that never ends": "/dev/zero", "a file of 2 MiB": big,
	} {
		if code, out := runs(t, path, file); code != 2 || !strings.Contains(out, file+":1: it ") {
			t.Errorf("%s: exit %d\n%s", name, code, out)
		}
	}
}

func runs(t *testing.T, path, file string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testwait.Limit) // one that is not refused would serve
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "run", "--config", file)
	cmd.Env = []string{"TMPDIR=" + t.TempDir()}
	out, _ := cmd.CombinedOutput() // the exit code is what counts
	return cmd.ProcessState.ExitCode(), string(out)
}

// A reload with a file that is wrong, or is gone, changes nothing and ends nothing.
func TestAReloadWithAWrongFileChangesNothing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tracker.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log: {level: info}\n")
	i := startWith(t, []string{"--config", file}, freeAddr(t), freeAddr(t)).ready()
	reload := func(says string, times int) {
		t.Helper()
		i.signal(syscall.SIGHUP)
		testwait.Until(t, "it says "+says, func() bool { return strings.Count(i.out.String(), says) >= times })
	}
	write("log: {level: loud}\n")
	reload("reload: nothing has changed", 1)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	reload("reload: nothing has changed", 2)
	if code := i.get(i.login("gus"), "/tasks/task-1001"); code != http.StatusOK || i.probe("/readyz") != http.StatusOK {
		t.Errorf("%d\n%s", code, i.out)
	}
	write("log: {level: debug}\n")
	reload("msg=request", 0)
	testwait.Until(t, "the level holds", func() bool {
		i.get("", "/tasks/task-1001")
		return strings.Contains(i.out.String(), "level=DEBUG msg=request")
	})
	if code := i.stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, i.out)
	}
}

// Hundreds of reloads at once, while the file is replaced, is half written and is gone, and the logs are moved
// away and their folder taken, end nothing. The last configuration holds, and both logs are written.
func TestAStormOfReloadsEndsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, logs := filepath.Join(dir, "tracker.yaml"), filepath.Join(dir, "logs")
	log, audit := filepath.Join(logs, "tracker.log"), filepath.Join(logs, "audit.jsonl")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log: {level: info}\n")
	i := startWith(t, []string{"--config", file}, freeAddr(t), freeAddr(t), "log.file="+log, "audit.file="+audit).ready()
	token := i.login("gus")
	for n := range 300 {
		switch n % 6 {
		case 0:
			write("log: {level: debug}\n")
		case 1:
			write("log: {lev")
		case 2:
			_ = os.Remove(file)
		case 3:
			_ = os.Rename(log, log+".1")
			_ = os.Rename(audit, audit+".1")
		case 4:
			_ = os.RemoveAll(logs)
		case 5:
			write("log: {level: loud}\n")
		}
		i.signal(syscall.SIGHUP)
		if n%20 == 0 {
			if code := i.get(token, "/tasks/task-1001"); code != http.StatusOK {
				t.Fatalf("request %d is %d\n%s", n, code, i.out)
			}
		}
	}
	write("log: {level: debug}\n")
	i.signal(syscall.SIGHUP)
	holds := func(name, says string) bool {
		i.get(token, "/tasks/task-1001")
		text, _ := os.ReadFile(name)
		return strings.Contains(string(text), says)
	}
	testwait.Until(t, "the level holds", func() bool { return holds(log, "level=DEBUG msg=request") })
	testwait.Until(t, "decisions are written", func() bool { return holds(audit, `"msg":"decision"`) })
	testwait.Until(t, "all is well", func() bool { return strings.Contains(i.text("/readyz"), `"state":"running"`) })
	if code := i.stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, i.out)
	}
}

// An audit log on a disk that is full stops no request: decisions are counted as dropped, a check says
// so, and the end is a failure, since some are lost.
func TestAFullDiskStopsNoRequest(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		testneed.Missing(t, "no /dev/full stands for a disk that is full here")
	}
	i := start(t, "audit.file=/dev/full").ready()
	token := i.login("gus")
	for range 3 {
		if code := i.get(token, "/tasks/task-1001"); code != http.StatusOK {
			t.Errorf("%d", code)
		}
	}
	testwait.Until(t, "the check says so", func() bool {
		return strings.Contains(i.text("/readyz"), `"name":"audit","ok":false,"optional":true`) && i.probe("/readyz") == http.StatusOK
	})
	if text := i.text("/metrics"); strings.Contains(text, "tracker_audit_dropped_total 0\n") || !strings.Contains(text, `tracker_state{state="degraded"} 1`) {
		t.Error(text)
	}
	if code := i.stop(); code != 1 || !strings.Contains(i.out.String(), "no space left on device") {
		t.Errorf("exit %d\n%s", code, i.out)
	}
}

// A log that cannot be written is a mistake of the configuration.
func TestALogThatCannotBeWrittenIsAMistake(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, log := range []string{filepath.Dir(file), filepath.Join(file, "log", "tracker.log")} {
		i := start(t, "log.file="+log)
		if code := <-i.ended; code != 2 || !strings.Contains(i.out.String(), log) && !strings.Contains(i.out.String(), file) {
			t.Errorf("%s: exit %d\n%s", log, code, i.out)
		}
	}
}

// A log whose disk is full while the service runs stops no request. The service is degraded and stays
// ready, /readyz and /metrics name the check, lines go to standard output, and once there is room the log
// says how many are missing. SIGHUP opens the file anew, by which the test fills the disk and empties it.
func TestALogOnAFullDiskStopsNoRequest(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full stands for a disk that is full here")
	}
	log := filepath.Join(t.TempDir(), "tracker.log")
	i := start(t, "log.file="+log, "log.level=debug").ready()
	token := i.login("gus")
	if err := errors.Join(os.Rename(log, log+".1"), os.Symlink("/dev/full", log)); err != nil {
		t.Fatal(err)
	}
	i.signal(syscall.SIGHUP)
	testwait.Until(t, "the check says so", func() bool {
		code := i.get(token, "/tasks/task-1001")
		return code == http.StatusOK && strings.Contains(i.text("/readyz"), `"name":"log","ok":false,"optional":true`)
	})
	if code := i.probe("/readyz"); code != http.StatusOK {
		t.Errorf("/readyz %d", code)
	}
	testwait.Until(t, "metrics say so", func() bool {
		text := i.text("/metrics")
		return strings.Contains(text, `tracker_state{state="degraded"} 1`) && !strings.Contains(text, `tracker_check_failures_total{check="log"} 0`)
	})
	if text := i.out.String(); !strings.Contains(text, "msg=request") || !strings.Contains(text, "no space left on device") {
		t.Errorf("standard output has\n%s", text)
	}
	beside := log + ".next"
	if err := errors.Join(os.WriteFile(beside, nil, 0o600), os.Rename(beside, log)); err != nil {
		t.Fatal(err)
	}
	i.signal(syscall.SIGHUP)
	testwait.Until(t, "the log says what is missing", func() bool {
		text, err := os.ReadFile(log)
		return err == nil && strings.Contains(string(text), `msg="log: lines are missing here" lines=`) && strings.Contains(i.text("/readyz"), `"name":"log","ok":true`)
	})
	if code := i.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// A standard output that nobody reads any more, as of a pipe whose reader has ended, ends no request and no
// process: the check of the log tells.
func TestAnOutputThatNobodyReadsEndsNothing(t *testing.T) {
	t.Parallel()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	api, ops := freeAddr(t), freeAddr(t)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{t: t, out: &output{}, api: "http://" + api, ops: "http://" + ops, ended: make(chan int, 1)}
	cmd := exec.Command(path, "run", "--set", "http.addr="+api, "--set", "ops.addr="+ops, "--set", "log.level=debug")
	cmd.Stdout, cmd.Env = writer, []string{"TMPDIR=" + t.TempDir()}
	if i.process, err = testproc.Start(cmd); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = i.process.Wait()
		i.ended <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { _ = i.process.Kill() })
	read := make(chan struct{})
	go func() { defer close(read); _, _ = io.Copy(i.out, reader) }()
	i.ready()
	token := i.login("gus")
	if err := errors.Join(writer.Close(), reader.Close()); err != nil {
		t.Fatal(err)
	}
	<-read
	testwait.Until(t, "the check says so", func() bool {
		if len(i.ended) > 0 {
			t.Fatal("it has ended")
		}
		code := i.get(token, "/tasks/task-1001")
		return code == http.StatusOK && strings.Contains(i.text("/readyz"), `"name":"log","ok":false,"optional":true`)
	})
	if code := i.stop(); code != 0 {
		t.Errorf("exit %d", code)
	}
}
