//go:build linux

package service_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
)

// The program that the Dockerfile builds, by its command, runs as its user in a root that holds nothing
// but what the Dockerfile copies: it needs no library, no shell, no /tmp and no /proc of the image. No
// image is built and no container is run.
func TestTheProgramOfTheImageRunsInAnEmptyRoot(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("it builds the program without cgo: make soak")
	}
	chroot, err := exec.LookPath("chroot")
	if err != nil || os.Getuid() != 0 {
		t.Skip("an empty root takes chroot, and root")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "service", "deploy", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	part := func(pattern string) string {
		t.Helper()
		m := regexp.MustCompile("(?m)^" + pattern + "$").FindSubmatch(text)
		if m == nil {
			t.Fatalf("the Dockerfile has no line of %s", pattern)
		}
		return string(m[1])
	}
	// As in the image: the root is /, and / is the root.
	root := t.TempDir()
	build := part(`RUN (.*) && mkdir /data`)
	if !strings.Contains(build, " -o /reeve-tracker ") {
		t.Fatal(build)
	}
	cmd := exec.Command("sh", "-c", strings.Replace(build, " -o /reeve-tracker ", ` -o "$ROOT/reeve-tracker" `, 1))
	cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), "ROOT="+root)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	user := part(`USER ([0-9]+:[0-9]+)`)
	if copied := part(`COPY --from=build --chown=([0-9]+:[0-9]+) /data /data`); copied != user {
		t.Errorf("/data is that of %s, and the program runs as %s", copied, user)
	}
	for path, mode := range map[string]os.FileMode{root: 0o755, filepath.Join(root, "data"): 0o700} {
		if err := os.MkdirAll(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("chown", user, filepath.Join(root, "data")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var entry, command []string
	for list, pattern := range map[*[]string]string{&entry: `ENTRYPOINT (\[.*\])`, &command: `CMD (\[.*\])`} {
		if err := json.Unmarshal([]byte(part(pattern)), list); err != nil {
			t.Fatal(err)
		}
	}
	api, ops := freeAddr(t), freeAddr(t)
	args := append([]string{"--userspec=" + user, root}, append(entry, command...)...)
	i := &instance{t: t, out: &output{}, api: "http://" + api, ops: "http://" + ops, ended: make(chan int, 1)}
	cmd = exec.Command(chroot, args...)
	cmd.Stdout, cmd.Stderr = i.out, i.out
	cmd.Env = []string{"TRACKER_HTTP_ADDR=" + api, "TRACKER_OPS_ADDR=" + ops}
	if i.process, err = testproc.Start(cmd); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = i.process.Wait()
		i.ended <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() { _ = i.process.Kill() })
	i.ready()
	if code := i.get(i.login("gus"), "/tasks/task-1001"); code != http.StatusOK {
		t.Errorf("%d", code)
	}
	if code := i.stop(); code != 0 {
		t.Errorf("exit %d\n%s", code, i.out)
	}
	made, err := filepath.Glob(filepath.Join(root, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(made) != 2 {
		t.Errorf("the root has %v", made)
	}
	if files, err := os.ReadDir(filepath.Join(root, "data")); err != nil || len(files) == 0 {
		t.Errorf("no data: %v", err)
	}
}
