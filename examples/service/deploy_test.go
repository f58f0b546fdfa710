package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/reevehq/reeve/examples/service/config"
	"github.com/reevehq/reeve/internal/testneed"
)

// The unit is one that systemd reads without a complaint, and exposes the machine little.
func TestTheUnitIsHardened(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is Linux's")
	}
	analyze := testneed.Program(t, "systemd-analyze", "apt-get install systemd")
	path := filepath.Join(t.TempDir(), name+".service")
	text := strings.ReplaceAll(unit, installed.program, "/bin/true") // which is there
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=25", "--no-pager", path).CombinedOutput()
	if err != nil {
		t.Errorf("the exposure is above 2.5: %v\n%s", err, out)
	}
}

// A process that panics exits with 2, as one that the watchdog ends, and 2 is also a wrong configuration:
// the unit once started none of them again.
func TestTheUnitStartsAPanicAgain(t *testing.T) {
	for _, never := range []string{"RestartPreventExitStatus", "SuccessExitStatus"} {
		if strings.Contains(unit, never) {
			t.Errorf("the unit has %s", never)
		}
	}
}

// These lines must not get lost from the unit, whatever systemd says of it.
func TestTheUnitKeepsItsPromises(t *testing.T) {
	for _, line := range []string{
		"Type=notify", "WatchdogSec=30", "DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "SystemCallFilter=@system-service",
		"CapabilityBoundingSet=", "MemoryDenyWriteExecute=yes", "Restart=on-failure", "StartLimitBurst=5",
	} {
		if !strings.Contains(unit, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	for _, key := range []string{"session_key", "signing_key", "redis_name_key", "redis_seal_key"} {
		if !strings.Contains(unit, "LoadCredential="+key+":"+installed.folder+"/keys/"+key+"\n") {
			t.Errorf("no credential %s", key)
		}
	}
	stop := after(t, unit, "TimeoutStopSec=")
	if cfg := platform(t, "systemd"); time.Duration(stop)*time.Second < atMost(cfg) {
		t.Errorf("systemd kills after %d s", stop)
	}
}

func platform(t *testing.T, name string) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Sources{Platform: name})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// atMost is how long the end of the service takes where requests and after them jobs need all of their
// time, with some for the steps that follow.
func atMost(cfg *config.Config) time.Duration {
	const steps = 20 * time.Second
	return cfg.HTTP.Wait + 2*cfg.HTTP.Drain + steps
}

// after returns the number behind a text.
func after(t *testing.T, text, mark string) (n int) {
	t.Helper()
	_, rest, _ := strings.Cut(text, mark)
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatalf("%s: %v", mark, err)
	}
	return n
}

// documents reads a file of YAML.
func documents(t *testing.T, file string) (all []map[string]any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("deploy", file))
	if err != nil {
		t.Fatal(err)
	}
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var one map[string]any
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, one)
	}
}

// at walks into maps and lists. A missing value is nil.
func at(v any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			l, _ := v.([]any)
			if s >= len(l) {
				return nil
			}
			v = l[s]
		}
	}
	return v
}

// settings has the program judge the variables of a container, with keys in the place of those that are
// mounted.
func settings(t *testing.T, variables map[string]string) *config.Config {
	t.Helper()
	folder := t.TempDir()
	if code, _, stderr := invoke(t, "keys", folder); code != exitFine {
		t.Fatal(stderr)
	}
	var environment []string
	for name, value := range variables {
		if file, is := strings.CutPrefix(value, "file:"); is {
			value = "file:" + filepath.Join(folder, filepath.Base(file))
		}
		environment = append(environment, name+"="+value)
	}
	cfg, err := config.Load(config.Sources{Platform: "container", Environment: environment})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// The manifests have what the service offers and needs: its probes at its ports, limits, no rights, a time
// to stop that suffices, and variables that its configuration has.
func TestTheKubernetesManifestsFitTheService(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("deploy", "kubernetes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	intro, _, _ := strings.Cut(string(text), "\napiVersion:")
	kinds := map[string]map[string]any{}
	for _, d := range documents(t, "kubernetes.yaml") {
		kinds[fmt.Sprint(d["apiVersion"], " ", d["kind"])] = d
	}
	deployment := kinds["apps/v1 Deployment"]
	pod := at(deployment, "spec", "template", "spec")
	container := at(pod, "containers", 0)
	for path, want := range map[string]any{"/startupz": "startupProbe", "/readyz": "readinessProbe", "/livez": "livenessProbe"} {
		if got := at(container, want, "httpGet", "path"); got != path || at(container, want, "httpGet", "port") != "ops" {
			t.Errorf("%v asks for %v", want, got)
		}
	}
	cfg := platform(t, "container")
	for i, addr := range []string{cfg.HTTP.Addr, cfg.Ops.Addr} {
		if port := at(container, "ports", i, "containerPort"); !strings.HasSuffix(addr, fmt.Sprint(":", port)) {
			t.Errorf("port %v, and the service listens on %s", port, addr)
		}
	}
	for _, c := range []struct {
		got, want any
	}{
		{at(pod, "securityContext", "runAsNonRoot"), true},
		{at(pod, "securityContext", "seccompProfile", "type"), "RuntimeDefault"},
		{at(pod, "automountServiceAccountToken"), false},
		{at(container, "securityContext", "allowPrivilegeEscalation"), false},
		{at(container, "securityContext", "readOnlyRootFilesystem"), true},
		{at(container, "securityContext", "capabilities", "drop", 0), "ALL"},
		{at(container, "imagePullPolicy"), "IfNotPresent"},
		{at(deployment, "spec", "strategy", "rollingUpdate", "maxUnavailable"), uint64(0)},
		{at(deployment, "spec", "selector", "matchLabels", "app"), at(deployment, "spec", "template", "metadata", "labels", "app")},
		{at(kinds["v1 Service"], "spec", "selector", "app"), at(deployment, "spec", "template", "metadata", "labels", "app")},
		{at(kinds["policy/v1 PodDisruptionBudget"], "spec", "minAvailable"), uint64(1)},
	} {
		if c.got != c.want || c.got == nil {
			t.Errorf("%v (%T), want %v", c.got, c.got, c.want)
		}
	}
	for _, resource := range []string{"cpu", "memory"} {
		if at(container, "resources", "limits", resource) == nil || at(container, "resources", "requests", resource) == nil {
			t.Errorf("no limit or request of %s", resource)
		}
	}
	if grace, _ := at(pod, "terminationGracePeriodSeconds").(uint64); time.Duration(grace)*time.Second < atMost(cfg) {
		t.Errorf("it is killed after %d s", grace)
	}
	// From the first probe that fails until no request comes any more, the instance must wait.
	if period, _ := at(container, "readinessProbe", "periodSeconds").(uint64); cfg.HTTP.Wait < time.Duration(2*period+1)*time.Second {
		t.Errorf("it waits %v, and is asked every %d s", cfg.HTTP.Wait, period)
	}
	variables := map[string]string{}
	list, _ := at(container, "env").([]any)
	for _, v := range list {
		value, _ := at(v, "value").(string)
		if secret := at(v, "valueFrom", "secretKeyRef", "name"); secret != nil && !strings.Contains(intro, fmt.Sprint(secret)) {
			t.Errorf("nothing says how the Secret %v is made", secret)
		}
		switch at(v, "valueFrom", "secretKeyRef", "key") {
		case "url":
			value = map[bool]string{true: "redis://h:1", false: "postgres://u@h/d"}[at(v, "name") == "TRACKER_REDIS_URL"]
		case "tenant_key":
			value = "file:session_key"
		}
		variables[fmt.Sprint(at(v, "name"))] = value
	}
	if cfg := settings(t, variables); cfg.Redis.URL == "" || cfg.Database.URL == "" || len(variables) < 5 {
		t.Errorf("%v", variables)
	}
}

func TestTheComposeFileFitsTheService(t *testing.T) {
	file := documents(t, "compose.yaml")[0]
	tracker := at(file, "services", "tracker")
	for _, c := range []struct {
		got, want any
	}{
		{at(tracker, "read_only"), true}, {at(tracker, "cap_drop", 0), "ALL"}, {at(tracker, "security_opt", 0), "no-new-privileges:true"},
		{at(tracker, "build", "dockerfile"), "examples/service/deploy/Dockerfile"}, {at(tracker, "ports", 0), "127.0.0.1:8080:8080"},
		{at(tracker, "ports", 1), "127.0.0.1:8081:8081"}, {at(tracker, "mem_limit"), "256m"}, {at(tracker, "restart"), "on-failure"},
	} {
		if c.got != c.want {
			t.Errorf("%v, want %v", c.got, c.want)
		}
	}
	redis := fmt.Sprint(at(file, "services", "redis", "command"))
	for _, want := range []string{"--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"} {
		if !strings.Contains(redis, want) {
			t.Errorf("Redis runs without %s", want)
		}
	}
	// Root without its rights cannot list the files that a Redis left behind for its own user, and what
	// the image does first as root would end each start but the first.
	if user := at(file, "services", "redis", "user"); user != "redis" || at(file, "services", "redis", "cap_add") != nil || at(file, "services", "redis", "cap_drop", 0) != "ALL" {
		t.Errorf("Redis runs as %v", user)
	}
	variables := map[string]string{}
	environment, _ := at(tracker, "environment").(map[string]any)
	secrets, _ := at(file, "secrets").(map[string]any)
	for name, value := range environment {
		variables[name] = fmt.Sprint(value)
		if path, is := strings.CutPrefix(variables[name], "file:/run/secrets/"); is && secrets[path] == nil {
			t.Errorf("%s is no secret", path)
		}
	}
	if cfg := settings(t, variables); cfg.Redis.URL == "" {
		t.Error("no Redis")
	}
	// Compose mounts a secret with the owner that its file has.
	if text, err := os.ReadFile(filepath.Join("deploy", "compose.yaml")); err != nil || !strings.Contains(string(text), "chown 65532 keys/*") {
		t.Errorf("nothing gives the keys to the image's user: %v", err)
	}
	stop, err := time.ParseDuration(fmt.Sprint(at(tracker, "stop_grace_period")))
	if err != nil || stop < atMost(platform(t, "container")) {
		t.Errorf("it is killed after %v", stop)
	}
}

// The image has the program and nothing else, runs it as nobody, and begins with what is there.
func TestTheImageIsDistrolessAndNotRoot(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("deploy", "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(string(text), "\nFROM gcr.io/distroless/static-debian12:nonroot\n")
	for _, want := range []string{"USER 65532:65532\n", `ENTRYPOINT ["/reeve-tracker", "--platform", "container"]`, `CMD ["run"]`} {
		if !strings.Contains(last, want) {
			t.Errorf("no %s in the last stage", want)
		}
	}
	if strings.Contains(last, "RUN ") || !strings.Contains(string(text), "go build -trimpath") || !strings.Contains(string(text), " ./examples/service ") {
		t.Error("it is built otherwise")
	}
	if code, _, stderr := invoke(t, "--platform", "container", "config", "check"); code != exitFine {
		t.Error(stderr)
	}
}

// Folders that Git ignores, where programs put their keys, are in no layer of an image either.
func TestWhatGitIgnoresIsNotInTheContextOfTheImage(t *testing.T) {
	root := filepath.Join("..", "..")
	read := func(name string) []string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(string(text))
	}
	left := read(".dockerignore")
	folders := 0
	for _, line := range read(".gitignore") {
		folder, is := strings.CutSuffix(strings.TrimPrefix(line, "/"), "/")
		if !is || strings.HasPrefix(folder, "**/testdata") {
			continue
		}
		folders++
		if !slices.Contains(left, folder) && !slices.Contains(left, "**/"+filepath.Base(folder)) {
			t.Errorf("the image's context has %s", folder)
		}
	}
	if folders < 3 {
		t.Errorf("%d folders", folders)
	}
}
