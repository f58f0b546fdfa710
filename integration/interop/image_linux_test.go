package interop

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
)

// user is the one that the image of examples/service runs as.
const user = 65532

// builder is buildah with a store of images of its own.
type builder struct {
	t    *testing.T
	path string
	dir  string
}

func newBuilder(t *testing.T) builder {
	t.Helper()
	programs(t)
	path, err := exec.LookPath("buildah")
	if err != nil || os.Getuid() != 0 {
		t.Fatal("it needs root and buildah: ", err)
	}
	return builder{t, path, t.TempDir()}
}

func (b builder) command(args ...string) *exec.Cmd {
	return exec.Command(b.path, append([]string{"--root", b.dir + "/images", "--runroot", b.dir + "/run", "--storage-driver", "vfs"}, args...)...)
}

// do runs a command and returns what it prints, without the last line's end.
func (b builder) do(args ...string) string {
	b.t.Helper()
	var errs strings.Builder
	cmd := b.command(args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		b.t.Fatalf("buildah %s: %v\n%s%s", strings.Join(args, " "), err, out, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// standIn makes an image that stands for one of a registry: the files of a folder, and settings.
func (b builder) standIn(name, files string, settings ...string) {
	b.t.Helper()
	c := b.do("from", "scratch")
	b.do("copy", "--quiet", c, files, "/")
	b.do(append(append([]string{"config"}, settings...), c)...)
	b.do("commit", "--quiet", c, name)
	b.do("rm", c)
}

// TestTheImageIsBuiltAndServes: the Dockerfile of examples/service, with stand-ins for its two base
// images that hold only what their own have for its instructions. The image runs as a user
// without rights, with the keys as compose.yaml mounts them, and ends in order when it is told to.
func TestTheImageIsBuiltAndServes(t *testing.T) {
	b := newBuilder(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	b.standIn("docker.io/library/golang:1.26", compilerFiles(t), "--env", "PATH=/usr/local/go/bin:/bin", "--env", "HOME=/root", "--env", "GOTOOLCHAIN=local")
	b.standIn("gcr.io/distroless/static-debian12:nonroot", baseFiles(t), "--user", strconv.Itoa(user))
	build := []string{"build", "--isolation", "chroot", "--pull-never", "--quiet", "-f", filepath.Join(root, "examples/service/deploy/Dockerfile"), "-t", "reeve-tracker"}
	for host, inside := range map[string]string{goEnv(t, "GOROOT"): "/usr/local/go", goEnv(t, "GOMODCACHE"): "/root/go/pkg/mod", goEnv(t, "GOCACHE"): "/root/.cache/go-build"} {
		build = append(build, "-v", host+":"+inside)
	}
	b.do(append(build, tree(t, root))...)

	keys := filepath.Join(t.TempDir(), "keys")
	c := b.do("from", "--pull-never", "localhost/reeve-tracker")
	files := b.do("mount", c)
	if out, err := exec.Command(filepath.Join(files, "reeve-tracker"), "keys", keys).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	redis := redisserver.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	api, ops := fmt.Sprintf("127.0.0.1:%d", freePort(t)), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	run := []string{"run", "--isolation", "chroot", "-v", keys + ":/run/secrets", "--env", "TRACKER_REDIS_URL=" + redis.URL()}
	for name, file := range map[string]string{"SESSION": "session_key", "SIGNING": "signing_key", "REDIS_NAME": "redis_name_key", "REDIS_SEAL": "redis_seal_key"} {
		run = append(run, "--env", "TRACKER_KEYS_"+name+"=file:/run/secrets/"+file)
	}
	run = append(run, c, "--", "/reeve-tracker", "--platform", "container", "--set", "http.addr="+api, "--set", "ops.addr="+ops)

	// The keys are their owner's alone, and in the image that is somebody else.
	if out, err := b.command(append(run, "config", "check")...).CombinedOutput(); err == nil || !strings.Contains(string(out), "/run/secrets/session_key cannot be read") {
		t.Fatalf("keys of another user: %v\n%s", err, out)
	}
	own(t, keys)
	service := b.command(append(run, "run")...)
	log := &lines{}
	service.Stdout, service.Stderr = log, log
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log)
		}
	})
	process := inside(t, service.Process.Pid)
	t.Cleanup(func() { _ = syscall.Kill(process, syscall.SIGKILL) })
	answers(t, "http://"+ops+"/readyz")
	if resp, err := http.Get("http://" + api + "/projects"); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a request without a token: %v %v", resp, err)
	}
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process)); err != nil || !strings.Contains(string(status), fmt.Sprintf("Uid:\t%d\t%[1]d\t%[1]d\t%[1]d\n", user)) {
		t.Errorf("it does not run as %d: %v\n%s", user, err, status)
	}
	if err := syscall.Kill(process, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := service.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if !strings.Contains(log.String(), `"state":"stopped"`) {
		t.Error("it did not say that it has stopped")
	}
}

// compilerFiles are those of the first stage's base image but for Go's own, which are mounted.
func compilerFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"bin", "tmp", "root", "usr/local/go"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, busybox, filepath.Join(dir, "bin", "busybox"), 0o755)
	for _, name := range []string{"sh", "mkdir"} {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// baseFiles are those of the last stage's base image that a static program without a shell needs.
func baseFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"etc/ssl/certs", "tmp", "home/nonroot"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	passwd := fmt.Sprintf("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:%d:%[1]d:nonroot:/home/nonroot:/sbin/nologin\n", user)
	if err := os.WriteFile(filepath.Join(dir, "etc", "passwd"), []byte(passwd), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tree is a folder with the files of the repository that are its own, as a clone has them.
func tree(t *testing.T, root string) string {
	t.Helper()
	out, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		from, to := filepath.Join(root, name), filepath.Join(dir, name)
		if info, err := os.Lstat(from); err != nil || !info.Mode().IsRegular() {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		copyFile(t, from, to, 0o644)
	}
	return dir
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, mode)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// own gives the files of a folder to the user of the image, as compose.yaml says.
func own(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) == 0 {
		t.Fatal(err, "no keys")
	}
	for _, name := range append(names, dir) {
		if err := os.Chown(name, user, user); err != nil {
			t.Fatal(err)
		}
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// inside waits for the service that a process has started, itself or by another, and returns its id.
func inside(t *testing.T, of int) int {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		stats, err := filepath.Glob("/proc/[0-9]*/stat")
		if err != nil {
			t.Fatal(err)
		}
		parents, services := map[int]int{}, []int{}
		for _, file := range stats {
			text, err := os.ReadFile(file)
			if err != nil {
				continue // it has ended
			}
			var pid, parent int
			var name, state string
			if n, err := fmt.Sscanf(strings.NewReplacer("(", "", ")", "").Replace(string(text)), "%d %s %s %d", &pid, &name, &state, &parent); n != 4 || err != nil {
				continue // a name with a space
			}
			if parents[pid] = parent; name == "reeve-tracker" {
				services = append(services, pid)
			}
		}
		for _, pid := range services {
			for p := pid; p > 1; p = parents[p] {
				if p == of {
					return pid
				}
			}
		}
	}
	t.Fatal("the service does not run")
	return 0
}
