package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	kardianos "github.com/kardianos/service"
)

// found stands for a service manager that the library finds.
type found struct {
	kardianos.System
	name string
	made *made
}

func (f found) String() string { return f.name }

func (f found) New(_ kardianos.Interface, c *kardianos.Config) (kardianos.Service, error) {
	f.made.config = c
	return f.made, nil
}

// made is a service at that manager.
type made struct {
	kardianos.Service
	config *kardianos.Config
	calls  []string
	status kardianos.Status
}

func (m *made) Install() error   { m.calls = append(m.calls, "install"); return nil }
func (m *made) Uninstall() error { m.calls = append(m.calls, "uninstall"); return nil }
func (m *made) Start() error     { m.calls = append(m.calls, "start"); return nil }
func (m *made) Stop() error      { m.calls = append(m.calls, "stop"); return nil }
func (m *made) Restart() error   { m.calls = append(m.calls, "restart"); return nil }
func (m *made) Status() (kardianos.Status, error) {
	m.calls = append(m.calls, "status")
	return m.status, nil
}

// managed puts a manager in the place of the machine's, and folders in the place of its own.
func managed(t *testing.T, name string) *made {
	t.Helper()
	m := &made{}
	formerly, paths := system, installed
	system = func() kardianos.System { return found{name: name, made: m} }
	installed.program, installed.folder = filepath.Join(t.TempDir(), "reeve-tracker"), filepath.Join(t.TempDir(), "etc")
	t.Cleanup(func() { system, installed = formerly, paths })
	return m
}

func TestTheManagerThatWasFoundIsSaid(t *testing.T) {
	m := managed(t, "linux-systemd")
	m.status = kardianos.StatusRunning
	for _, verb := range []string{"install", "start", "status", "restart", "stop", "uninstall"} {
		code, stdout, stderr := invoke(t, verb)
		if code != exitFine || !strings.Contains(stdout, "service manager: linux-systemd\n") {
			t.Errorf("%s: exit %d %s%s", verb, code, stdout, stderr)
		}
	}
	if got := strings.Join(m.calls, " "); got != "install start status restart stop uninstall" {
		t.Error(got)
	}
	m.status = kardianos.StatusStopped
	if code, _, stderr := invoke(t, "status"); code != exitFailed || !strings.Contains(stderr, "does not run") {
		t.Error(code, stderr)
	}
	if m.config.Option["SystemdScript"] != unit || !strings.Contains(unit, "ExecStart=/usr/local/bin/reeve-tracker "+strings.Join(m.config.Arguments[:3], " ")) {
		t.Error("the unit is not ours, or starts something else")
	}
}

// Where the library would fall back to System V and report success, nothing is done unless it is forced.
func TestAnotherManagerIsRefusedWithoutForce(t *testing.T) {
	for _, other := range []string{"unix-systemv", "linux-upstart", "linux-openrc", "darwin-launchd"} {
		m := managed(t, other)
		for _, verb := range []string{"install", "start", "stop", "restart", "status", "uninstall"} {
			code, stdout, stderr := invoke(t, verb)
			if code != exitUsage || !strings.Contains(stdout, other) || !strings.Contains(stderr, "--force") {
				t.Errorf("%s at %s: exit %d %s", verb, other, code, stderr)
			}
		}
		if entries, err := os.ReadDir(installed.folder); len(m.calls) > 0 || err == nil {
			t.Errorf("%s: %v was called, %v was written", other, m.calls, entries)
		}
		if code, _, stderr := invoke(t, "start", "--force"); code != exitFine || len(m.calls) != 1 {
			t.Errorf("%s with --force: exit %d %s", other, code, stderr)
		}
	}
}

// On Windows the service is the program where it is, which must not be one that go run removes.
func TestAProgramOfGoRunIsNotInstalledWhereItIs(t *testing.T) {
	if err := lasting(`C:\Users\Ada Lovelace\AppData\Local\Temp\go-build1234\b001\exe\service.exe`); !errors.Is(err, errPassing) || !errors.As(err, new(usageError)) {
		t.Error(err)
	}
	if err := lasting(`C:\Program Files\go-tools\reeve-tracker.exe`); err != nil {
		t.Error(err)
	}
}

func TestADryRunPrintsTheUnitAndChangesNothing(t *testing.T) {
	m := managed(t, "unix-systemv")
	code, stdout, _ := invoke(t, "install", "--dry-run")
	if code != exitFine || stdout != unit || len(m.calls) != 0 {
		t.Errorf("exit %d, %v", code, m.calls)
	}
	if _, err := os.Stat(installed.program); err == nil {
		t.Error("the program was installed")
	}
}

// Installing anew changes no key and no configuration.
func TestInstallingKeepsKeysAndConfiguration(t *testing.T) {
	managed(t, "linux-systemd")
	read := func() string {
		var all strings.Builder
		for _, name := range []string{"config.yaml", "keys/session_key", "keys/signing_key", "keys/redis_name_key", "keys/redis_seal_key"} {
			path := filepath.Join(installed.folder, name)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			info, err := os.Stat(path)
			if err != nil || strings.HasPrefix(name, "keys/") && info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v %v", name, info.Mode(), err)
			}
			all.Write(text)
		}
		return all.String()
	}
	if code, _, stderr := invoke(t, "install"); code != exitFine {
		t.Fatal(stderr)
	}
	first := read()
	if code, _, stderr := invoke(t, "install"); code != exitFine || read() != first {
		t.Errorf("something was overwritten %s", stderr)
	}
	if info, err := os.Stat(installed.program); err != nil || info.Mode().Perm() != 0o755 {
		t.Error(err)
	}
	code, _, stderr := invoke(t, "config", "check", "--platform", "systemd", "--config", filepath.Join(installed.folder, "config.yaml"))
	if code != exitFine {
		t.Error(stderr)
	}
}

// The service runs as another user than the one who installs it: that user can read the configuration,
// and no key.
func TestTheServicesUserCanReadTheConfigurationAndNoKey(t *testing.T) {
	managed(t, "linux-systemd")
	if code, _, stderr := invoke(t, "install"); code != exitFine {
		t.Fatal(stderr)
	}
	for name, want := range map[string]os.FileMode{"": 0o755, "config.yaml": 0o644, "keys": 0o700, "keys/session_key": 0o600} {
		if info, err := os.Stat(filepath.Join(installed.folder, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v %v, want %v", name, info.Mode().Perm(), err, want)
		}
	}
}
