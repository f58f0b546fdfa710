//go:build linux

package service_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
)

// machine is a systemd that runs as process 1 of namespaces of its own.
type machine struct {
	t   *testing.T
	pid string // of that process, as this machine counts
}

// refused ends the test where no systemd can be booted: with an error where somebody asked for it.
func refused(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("REEVE_SYSTEMD") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// boot boots systemd.
func boot(t *testing.T) machine {
	t.Helper()
	if os.Getuid() != 0 {
		refused(t, "no systemd is booted here: it takes root")
	}
	for _, name := range []string{"unshare", "nsenter", "systemctl", "/lib/systemd/systemd", "dbus-daemon", "curl", "redis-server"} {
		if _, err := exec.LookPath(name); err != nil {
			refused(t, "no systemd is booted here: "+err.Error())
		}
	}
	dir, out := t.TempDir(), &output{}
	cmd := exec.Command("sh", filepath.Join("testdata", "boot.sh"), dir)
	cmd.Stdout, cmd.Stderr = out, out
	outer, err := testproc.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = outer.Wait(); close(ended) }()
	m := machine{t: t}
	t.Cleanup(func() {
		_ = outer.Kill()
		<-ended
		sweep(outer.Pid)
	})
	for deadline := time.Now().Add(testwait.Limit); ; time.Sleep(50 * time.Millisecond) {
		select {
		case <-ended:
			refused(t, "no systemd is booted here, the sandbox refuses it: "+out.String())
		default:
		}
		if m.pid = systemdOf(outer.Pid); m.pid != "" {
			if state, _ := m.try("systemctl", "is-system-running"); strings.Contains(state, "running") || strings.Contains(state, "degraded") {
				return m
			}
		}
		if time.Now().After(deadline) {
			refused(t, "no systemd is booted here, it does not come up: "+out.String())
		}
	}
}

// systemdOf returns the child of a process that is systemd, or "".
func systemdOf(pid int) string {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
	if err != nil {
		return ""
	}
	for child := range strings.FieldsSeq(string(children)) {
		if comm, err := os.ReadFile(filepath.Join("/proc", child, "comm")); err == nil && strings.TrimSpace(string(comm)) == "systemd" {
			return child
		}
	}
	return ""
}

// sweep removes the control groups that are left, which are empty.
func sweep(pid int) {
	dir, err := os.MkdirTemp("", "reeve-cgroup-")
	if err != nil {
		return
	}
	defer os.Remove(dir)
	if exec.Command("mount", "-t", "cgroup2", "cgroup2", dir).Run() != nil {
		return
	}
	defer func() { _ = exec.Command("umount", dir).Run() }()
	for range 100 { // until the last process is gone
		_ = exec.Command("find", filepath.Join(dir, fmt.Sprintf("reeve-test-%d", pid)), "-depth", "-type", "d", "-exec", "rmdir", "{}", "+").Run()
		if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("reeve-test-%d", pid))); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// try runs a command in the machine.
func (m machine) try(args ...string) (string, error) {
	cmd := exec.Command("nsenter", append([]string{"-t", m.pid, "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w"}, args...)...)
	cmd.Env = []string{"PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// do is try for what must succeed.
func (m machine) do(args ...string) string {
	m.t.Helper()
	out, err := m.try(args...)
	if err != nil {
		journal, _ := m.try("journalctl", "--no-pager", "-n", "40")
		m.t.Fatalf("%s: %v\n%s\n%s", strings.Join(args, " "), err, out, journal)
	}
	return out
}

// show returns a property of the unit.
func (m machine) show(property string) string {
	m.t.Helper()
	return strings.TrimSpace(m.do("systemctl", "show", "--value", "-p", property, unitName))
}

// path is a file of the machine, as this one sees it.
func (m machine) path(name string) string { return filepath.Join("/proc", m.pid, "root", name) }

func (m machine) write(name, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.path(name), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// probe returns the status of a probe.
func (m machine) probe(path string) string {
	out, _ := m.try("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8081"+path)
	return out
}

const (
	unitName  = "reeve-tracker"
	installed = "/usr/local/bin/reeve-tracker"
)

// Under a real systemd the service is installed, started, reloaded, restarted, stopped and uninstalled. It
// runs as a user of its own that may write its own folders alone, says when it is ready, is restarted when
// it hangs, and is given up when its configuration is wrong.
func TestTheServiceUnderARealSystemd(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("REEVE_SOAK=1 boots a systemd")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	m := boot(t)
	t.Log(strings.SplitN(m.do("systemctl", "--version"), "\n", 2)[0])
	if err := copyFile(path, m.path("/opt/"+unitName)); err != nil {
		t.Fatal(err)
	}

	// Install.
	if out := m.do("/opt/"+unitName, "install"); !strings.Contains(out, "service manager: linux-systemd\n") || !strings.Contains(out, "installed.") {
		t.Fatal(out)
	}
	unit, err := os.ReadFile(filepath.Join("..", "..", "examples", "service", "deploy", unitName+".service"))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.do("cat", "/etc/systemd/system/"+unitName+".service"); strings.TrimSpace(got) != strings.TrimSpace(string(unit)) {
		t.Errorf("the unit is another:\n%s", got)
	}
	if out, err := m.try(installed, "status"); err == nil {
		t.Errorf("it runs before its start: %s", out)
	}

	// Start: the command returns when the service is ready.
	m.do(installed, "start")
	for path, want := range map[string]string{"/livez": "200", "/startupz": "200", "/metrics": "200"} {
		if code := m.probe(path); code != want {
			t.Errorf("%s: %s", path, code)
		}
	}
	testwait.Until(t, "it is ready", func() bool { return m.probe("/readyz") == "200" })
	if out := m.do(installed, "status"); !strings.Contains(out, "running") {
		t.Error(out)
	}
	for property, want := range map[string]string{"ActiveState": "active", "Type": "notify", "DynamicUser": "yes", "StatusText": "running", "NRestarts": "0"} {
		if got := m.show(property); got != want {
			t.Errorf("%s=%s, want %s", property, got, want)
		}
	}
	pid := m.show("MainPID")
	status := m.do("cat", "/proc/"+pid+"/status")
	for _, want := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000"} {
		if !strings.Contains(status, want) {
			t.Errorf("the process has no %q:\n%s", want, status)
		}
	}
	if strings.Contains(status, "Uid:\t0\t") {
		t.Error("it runs as root")
	}
	if out := m.do("ls", "/var/lib/"+unitName+"/tenants", "/var/log/"+unitName); !strings.Contains(out, "acme") || !strings.Contains(out, "audit.jsonl") {
		t.Errorf("its folders have %s", out)
	}

	// Reload: the level changes, and the process is the same.
	m.write("/etc/"+unitName+"/config.yaml", "log:\n  level: debug\n")
	m.do("systemctl", "reload", unitName)
	testwait.Until(t, "the journal says that it was reloaded", func() bool {
		return strings.Contains(m.do("journalctl", "--no-pager", "-u", unitName), `"log_level":"DEBUG"`) ||
			strings.Contains(m.do("journalctl", "--no-pager", "-u", unitName), `"log_level":"debug"`)
	})
	if now := m.show("MainPID"); now != pid {
		t.Errorf("process %s, was %s", now, pid)
	}

	// Restart, and stop: in order, and not by force.
	m.do(installed, "restart")
	if now := m.show("MainPID"); now == pid || m.probe("/startupz") != "200" {
		t.Errorf("process %s, was %s", now, pid)
	}
	m.do(installed, "stop")
	for property, want := range map[string]string{"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"} {
		if got := m.show(property); got != want {
			t.Errorf("after the stop: %s=%s, want %s", property, got, want)
		}
	}
	journal := m.do("journalctl", "--no-pager", "-o", "cat", "-u", unitName)
	if i, j := strings.LastIndex(journal, `"part":"listener","took"`), strings.LastIndex(journal, `"part":"telemetry requests","took"`); i < 0 || j < i {
		t.Errorf("it was not closed in order:\n%s", journal)
	}

	m.shares()
	m.hangs()
	m.wrong()

	// Uninstall: what was stored stays.
	m.do(installed, "uninstall")
	if out, err := m.try("systemctl", "cat", unitName); err == nil {
		t.Errorf("the unit is still there: %s", out)
	}
	if out := m.do("ls", "/etc/"+unitName+"/keys"); !strings.Contains(out, "redis_name_key") {
		t.Errorf("the keys are gone: %s", out)
	}
}

// shares starts it with a Redis, for which it reads the keys that install has written and systemd hands
// over: their folder is root's alone.
func (m machine) shares() {
	m.t.Helper()
	config := "/etc/" + unitName + "/config.yaml"
	before := m.do("cat", config)
	m.do("systemd-run", "--unit=shared-redis", "redis-server", "--port", "6379", "--save", "", "--dir", "/tmp")
	m.write(config, "redis:\n  url: redis://127.0.0.1:6379/0\n")
	m.do(installed, "start")
	testwait.Until(m.t, "it is ready with Redis", func() bool { return m.probe("/readyz") == "200" })
	if out := m.do("curl", "-s", "http://127.0.0.1:8081/readyz"); !strings.Contains(out, `"name":"redis","ok":true`) {
		m.t.Errorf("it has no Redis: %s", out)
	}
	m.do(installed, "stop")
	m.do("systemctl", "stop", "shared-redis")
	m.write(config, before)
}

// hangs stops the process: the watchdog has it killed and started again.
func (m machine) hangs() {
	m.t.Helper()
	dropIn := "/etc/systemd/system/" + unitName + ".service.d/quick.conf"
	m.write(dropIn, "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n")
	m.do("systemctl", "daemon-reload")
	m.do("systemctl", "reset-failed", unitName)
	m.do(installed, "start")
	pid := m.show("MainPID")
	began := time.Now()
	<-time.After(3 * time.Second) // longer than the watchdog waits
	if n := m.show("NRestarts"); n != "0" {
		m.t.Errorf("a service that lives was restarted %s times", n)
	}
	m.do("kill", "-STOP", pid)
	m.t.Cleanup(func() {
		if m.t.Failed() {
			m.t.Log(m.show("NRestarts"), m.show("ActiveState"), m.show("WatchdogUSec"), m.do("journalctl", "--no-pager", "-n", "40", "-u", unitName))
		}
	})
	testwait.Until(m.t, "it is started again", func() bool { return m.show("NRestarts") != "0" && m.show("ActiveState") == "active" })
	if now := m.show("MainPID"); now == pid || !strings.Contains(m.do("journalctl", "--no-pager", "-u", unitName), "Watchdog timeout") {
		m.t.Errorf("process %s, was %s", now, pid)
	}
	m.t.Logf("a process that hangs was started again %v after the test began to wait", time.Since(began).Round(time.Second))
	m.do(installed, "stop")
	m.do("rm", "-r", filepath.Dir(dropIn))
	m.do("systemctl", "daemon-reload")
}

// wrong starts it with a configuration that is wrong: it exits with 2, is given up soon, and the journal
// names the file and the line.
func (m machine) wrong() {
	m.t.Helper()
	m.do("systemctl", "reset-failed", unitName)
	m.write("/etc/"+unitName+"/config.yaml", "log:\n  level: loud\n")
	if out, err := m.try(installed, "start"); err == nil {
		m.t.Errorf("it starts: %s", out)
	}
	testwait.Until(m.t, "it is given up", func() bool { return m.show("ActiveState") == "failed" })
	if status, tries := m.show("ExecMainStatus"), m.show("NRestarts"); status != "2" || tries > "5" || len(tries) != 1 {
		m.t.Errorf("exit %s, started again %s times", status, tries)
	}
	if journal := m.do("journalctl", "--no-pager", "-u", unitName); !strings.Contains(journal, "/etc/"+unitName+"/config.yaml:2: log.level: ") {
		m.t.Error(journal)
	}
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer target.Close()
	_, err = io.Copy(target, source)
	return err
}
