package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
)

const (
	aKey     = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="
	password = "hunter2"
)

// write writes a file of the operator.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tracker.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each mistake is named by its file and line, and by no value that may be secret. FILE stands for the
// operator's file.
func TestEveryMistakeIsNamedByItsFileAndLine(t *testing.T) {
	withKeys := "keys: {session: " + aKey + ", signing: " + aKey + ", redis_name: " + aKey + ", redis_seal: " + aKey + "}\n"
	for name, c := range map[string]struct {
		text string
		env  []string
		set  map[string]string
		want []string
	}{
		"a wrong type":                     {text: "log:\n  max_size_mb: many\n", want: []string{"FILE:2: log.max_size_mb: got string, want integer"}},
		"a number for a text":              {text: "log:\n  file: 7\n", want: []string{"FILE:2: log.file: got number, want string"}},
		"a section that is a text":         {text: "\nhttp: off\n", want: []string{"FILE:2: http: got "}},
		"a section that is empty":          {text: "# none\n\nhttp:\n", want: []string{"FILE:3: http: got null, want object"}},
		"a setting that is empty":          {text: "http:\n  addr:\n", want: []string{"FILE:2: http.addr: got null, want string"}},
		"an unknown key":                   {text: "http:\n  adr: 127.0.0.1:80\n", want: []string{"FILE:2: http.adr: there is no such setting"}},
		"an unknown section":               {text: "htpp:\n  addr: 127.0.0.1:80\n", want: []string{"FILE:1: htpp: there is no such setting"}},
		"a bad duration":                   {text: "http:\n  wait: 1s\n  drain: 20\n", want: []string{"FILE:3: http.drain: got number, want string"}},
		"a duration without a unit":        {text: "http:\n  drain: '20'\n", want: []string{"FILE:2: http.drain: '20' is not valid positive-go-duration: write it as"}},
		"a drain of nothing":               {text: "http:\n  drain: 0s\n", want: []string{"FILE:2: http.drain: "}},
		"a duration below zero":            {text: "http:\n  wait: -1s\n", want: []string{"FILE:2: http.wait: "}},
		"an address without a port":        {text: "http:\n  addr: localhost\n", want: []string{"FILE:2: http.addr: "}},
		"a level that is none":             {text: "log: {level: loud}\n", want: []string{"FILE:1: log.level: value must be one of"}},
		"a size beyond the bound":          {text: "log:\n  max_size_mb: 0\n", want: []string{"FILE:2: log.max_size_mb: "}},
		"several":                          {text: "log:\n  level: loud\nhttp:\n  drain: soon\n", want: []string{"FILE:2: log.level", "FILE:4: http.drain"}},
		"keys that are missing":            {text: "http:\n  wait: 1s\nredis:\n  url: redis://h:1\n", want: []string{"FILE:4: redis.url: keys.session is missing", "keys.redis_seal is missing"}},
		"a tenant key that is not":         {text: "database:\n  url: postgres://u@h/d\n", want: []string{"FILE:2: database.url: database.tenant_key is missing"}},
		"a key that is none":               {text: "redis:\n  url: redis://h:1\n" + withKeys + "\n", set: map[string]string{"keys.signing": password}, want: []string{"flag --set keys.signing: keys.signing: "}},
		"a secret file that is gone":       {text: "redis:\n  url: redis://h:1\n" + withKeys, set: map[string]string{"keys.session": "file:/none/such"}, want: []string{"flag --set keys.session: keys.session: /none/such cannot be read: no such file"}},
		"a credential without folder":      {text: withKeys + "redis:\n  url: file:redis_url\n", want: []string{"FILE:3: redis.url: file:redis_url is relative"}},
		"a URL of another kind":            {text: "redis:\n  url: https://u:" + password + "@h\n", want: []string{"FILE:2: redis.url: it is not written as"}},
		"no YAML":                          {text: "http:\n  addr: [127\n", want: []string{"FILE:2: "}},
		"a tab":                            {text: "http:\n\taddr: x\n", want: []string{"FILE:2: "}},
		"a key twice":                      {text: "http:\n  wait: 1s\n  wait: 2s\n", want: []string{"FILE:3: "}},
		"a list":                           {text: "- http\n", want: []string{"FILE:1: a mapping is expected"}},
		"a second document":                {text: "log: {level: info}\n---\nlog: {level: debug}\n", want: []string{"FILE:2: a second document"}},
		"an alias":                         {text: "http: &a\n  wait: 1s\n", want: []string{"FILE:1: http: anchors"}},
		"a dotted key":                     {text: "http.addr: 127.0.0.1:1\n", want: []string{`FILE:1: "http.addr" is no name`}},
		"a variable of nothing":            {env: []string{"TRACKER_HTTP_ADR=x"}, want: []string{"environment TRACKER_HTTP_ADR: there is no such setting"}},
		"a variable of a wrong type":       {env: []string{"TRACKER_AUDIT_QUEUE=many"}, want: []string{"environment TRACKER_AUDIT_QUEUE: audit.queue: got string, want integer"}},
		"a variable that is empty":         {env: []string{"TRACKER_REDIS_URL="}, want: []string{"environment TRACKER_REDIS_URL: it is empty"}},
		"a variable that is there twice":   {env: []string{"TRACKER_LOG_LEVEL=info", "TRACKER_LOG_LEVEL=debug"}, want: []string{"environment TRACKER_LOG_LEVEL: it is there twice"}},
		"a log in the file of the audit":   {text: "log:\n  file: /a/b.log\n", set: map[string]string{"audit.file": "/a/./x/../b.log"}, want: []string{"flag --set audit.file: audit.file: it is the file of log.file, too"}},
		"probes at the address of the API": {text: "ops:\n  addr: 127.0.0.1:8080\n", want: []string{"FILE:2: ops.addr: it is the address of http.addr, too"}},
		"a secret in a folder":             {text: withKeys + "redis:\n  url: file:/\n", want: []string{"FILE:3: redis.url: / is no file of at most"}},
		"a secret that never ends":         {text: withKeys + "redis:\n  url: file:/dev/zero\n", want: []string{"FILE:3: redis.url: /dev/zero is no file of at most"}},
		"a flag of nothing":                {set: map[string]string{"log.levl": "debug"}, want: []string{"flag --set log.levl: there is no such setting"}},
		"a flag of a wrong value":          {set: map[string]string{"log.level": "loud"}, want: []string{"flag --set log.level: log.level: value must be one of"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, c.text)
			_, err := Load(Sources{Platform: "console", File: path, Environment: c.env, Flags: c.set})
			if err == nil {
				t.Fatal("it is accepted")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), strings.ReplaceAll(want, "FILE", path)) {
					t.Errorf("%v\nwant %s", err, want)
				}
			}
			if strings.Contains(err.Error(), password) || strings.Contains(err.Error(), aKey) {
				t.Errorf("a secret is told: %v", err)
			}
		})
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	if _, err := Load(Sources{Platform: "console", File: missing}); err == nil || !strings.HasPrefix(err.Error(), missing+":1: it cannot be read: ") {
		t.Error(err)
	}
	if _, err := Load(Sources{Platform: "console", File: t.TempDir()}); err == nil || !strings.Contains(err.Error(), ":1: it is no file") {
		t.Error(err)
	}
	large := write(t, strings.Repeat("# nothing\n", maxFile/10+1))
	if _, err := Load(Sources{Platform: "console", File: large}); err == nil || !strings.HasPrefix(err.Error(), large+":1: it is no file of at most") {
		t.Error(err)
	}
	if os.Getuid() != 0 && runtime.GOOS != "windows" {
		closed := write(t, "log: {level: info}\n")
		if err := os.Chmod(closed, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(Sources{Platform: "console", File: closed}); err == nil || !strings.HasPrefix(err.Error(), closed+":1: ") {
			t.Error(err)
		}
	}
	if _, err := Load(Sources{Platform: "toaster"}); err == nil {
		t.Error("a platform that is none is accepted")
	}
}

// Every platform's defaults are valid, and of several sources the later holds.
func TestLaterSourcesHoldOverEarlierOnes(t *testing.T) {
	for _, platform := range Platforms {
		if _, err := Load(Sources{Platform: platform}); err != nil {
			t.Errorf("%s: %v", platform, err)
		}
	}
	path := write(t, "http:\n  wait: 3s\n  drain: 4s\nlog:\n  max_files: 3\n")
	cfg, err := Load(Sources{
		Platform: "systemd", File: path,
		Environment: []string{"TRACKER_HTTP_DRAIN=5s", "TRACKER_LOG_MAX_FILES=4", "HOME=/"},
		Flags:       map[string]string{"log.max_files": "5"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.HTTP.Wait != 3*time.Second || cfg.HTTP.Drain != 5*time.Second || cfg.Log.Files != 5 || cfg.Log.Format != "json" || cfg.Log.Days != 28 {
		t.Errorf("%+v", cfg.HTTP)
	}
	var out bytes.Buffer
	if err := cfg.Show(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`http.wait: "3s" # ` + path + ":2", `http.drain: "5s" # environment TRACKER_HTTP_DRAIN`, `log.max_files: "5" # flag --set log.max_files`,
		`log.format: "json" # platform/systemd.yaml:6`, `log.max_age_days: "28" # default.yaml:`, `keys.session: "file:session_key" # platform/systemd.yaml:8`,
	} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
}

// No printer shows a secret, wherever it comes from.
func TestSecretsAreMasked(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "redis_url"), []byte("redis://u:"+password+"@h:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := write(t, "redis:\n  url: file:redis_url\ndatabase:\n  url: postgres://u:"+password+"@h/d\n  tenant_key: "+aKey+"\n")
	cfg, err := Load(Sources{
		Platform: "console", File: path, Credentials: folder,
		Environment: []string{"TRACKER_KEYS_SESSION=" + aKey, "TRACKER_KEYS_SIGNING=" + aKey},
		Flags:       map[string]string{"keys.redis_name": aKey, "keys.redis_seal": aKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Redis.URL.Reveal() != "redis://u:"+password+"@h:1" || len(cfg.Keys.RedisSeal.Bytes()) != 32 || len(cfg.TenantKey.Bytes()) != 32 {
		t.Error("the secrets are not there")
	}
	var out bytes.Buffer
	if err := cfg.Show(&out, true); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), `database.url: "(secret)"`) || !strings.Contains(out.String(), `redis.url: "file:redis_url"`) {
		t.Error(out.String())
	}
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%s %v %+v %#v %q", text, *cfg, *cfg, *cfg, cfg.Redis.URL)
	if s := out.String(); strings.Contains(s, password) || strings.Contains(s, aKey) {
		t.Error(s)
	}
}

// The file default.yaml shows every setting that there is, and the schema asks for each.
func TestEverySettingHasADefault(t *testing.T) {
	text, err := files.ReadFile("default.yaml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := parse("default.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	for path := range leaves() {
		if l.positions[path] == "" {
			t.Errorf("default.yaml has no %s", path)
		}
	}
	if len(leaves()) < 20 {
		t.Errorf("%d settings: the walk is broken", len(leaves()))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "a: b", "a:\n  b: 1\n", "{", "a: &x 1\nb: *x\n", "<<: {a: 1}\n", "? a\n: b\n", "---\n---\n", "a: !!binary aGk=\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := parse("f.yaml", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f.yaml:") {
				t.Errorf("no place in %v", err)
			}
			return
		}
		for section, v := range l.values {
			if l.positions[section] == "" {
				t.Errorf("no place for %q", section)
			}
			inner, _ := v.(map[string]any)
			for name := range inner {
				if l.positions[section+"."+name] == "" {
					t.Errorf("no place for %q.%q", section, name)
				}
			}
		}
	})
}

// Editors of Windows begin a file with a mark of its encoding, and end lines by CR LF.
func TestAFileWrittenOnWindowsIsRead(t *testing.T) {
	key := write(t, ByteOrderMark+aKey+"\r\n")
	cfg, err := Load(Sources{Platform: "windows", File: write(t, ByteOrderMark+"log:\r\n  level: debug\r\nredis:\r\n  url: redis://h:1\r\n"), Flags: map[string]string{
		"keys.session": "file:" + key, "keys.signing": aKey, "keys.redis_name": aKey, "keys.redis_seal": aKey,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Log.Level != "debug" || cfg.Redis.URL.Reveal() != "redis://h:1" {
		t.Errorf("%q %q", cfg.Log.Level, cfg.Redis.URL.Reveal())
	}
	_, err = Load(Sources{Platform: "windows", File: write(t, ByteOrderMark+"log:\r\n  level: loud\r\n")})
	if err == nil || !strings.Contains(err.Error(), "tracker.yaml:2: log.level") {
		t.Errorf("a mistake: %v", err)
	}
}

// Variables have no case on Windows. Elsewhere one in small letters is none that is read: a setting that
// somebody believes to have made.
func TestAVariableInSmallLettersIsAMistake(t *testing.T) {
	for _, name := range []string{"tracker_log_level", "Tracker_Log_Level", "TRACKER_log_level"} {
		cfg, err := Load(Sources{Platform: "console", Environment: []string{name + "=debug"}})
		switch {
		case runtime.GOOS == "windows":
			if err != nil || cfg.Log.Level != "debug" {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || !strings.Contains(err.Error(), "environment "+name+": write it as TRACKER_LOG_LEVEL"):
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Load(Sources{Platform: "console", Environment: []string{"tracker=x", "trackers_log=1"}}); err != nil {
		t.Errorf("variables of others: %v", err)
	}
}

// A pipe that nobody writes to would be waited for for ever, and a reload with it.
func TestASecretInAPipeIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps no pipe in a folder")
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := exec.Command("mkfifo", pipe).Run(); err != nil {
		testneed.Missing(t, "mkfifo makes no pipe: "+err.Error())
	}
	_, err := Load(Sources{Platform: "console", Environment: []string{"TRACKER_REDIS_URL=file:" + pipe}, Flags: map[string]string{"keys.session": aKey, "keys.signing": aKey, "keys.redis_name": aKey, "keys.redis_seal": aKey}})
	if err == nil || !strings.Contains(err.Error(), pipe+" is no file") {
		t.Error(err)
	}
}

// The two ends of a port that is picked by the system are two.
func TestTwoListenersMayBothPickTheirPort(t *testing.T) {
	if _, err := Load(Sources{Platform: "console", Flags: map[string]string{"http.addr": "127.0.0.1:0", "ops.addr": "127.0.0.1:0"}}); err != nil {
		t.Error(err)
	}
}

// A secret that was changed is named as other settings are, also where its file has another content.
func TestASecretThatWasChangedIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "session_key")
	load := func(key, url string) *Config {
		t.Helper()
		if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := Load(Sources{Platform: "console", Flags: map[string]string{
			"redis.url": url, "keys.session": "file:" + file, "keys.signing": aKey, "keys.redis_name": aKey, "keys.redis_seal": aKey, "traces.authorization": "x",
		}})
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	const another = "YTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXY="
	before := load(aKey, "redis://u:"+password+"@h:1")
	if changed := before.Changed(load(aKey, "redis://u:"+password+"@h:1")); len(changed) > 0 {
		t.Errorf("nothing was changed: %v", changed)
	}
	if changed := before.Changed(load(another, "redis://u:another@h:1")); !slices.Equal(changed, []string{"keys.session", "redis.url"}) {
		t.Errorf("%v", changed)
	}
	other, err := Load(Sources{Platform: "console", Flags: map[string]string{"log.level": "debug"}})
	if err != nil {
		t.Fatal(err)
	}
	if changed := strings.Join(before.Changed(other), " "); changed != "keys.redis_name keys.redis_seal keys.session keys.signing log.level redis.url traces.authorization" {
		t.Error(changed)
	}
}
