package fleet

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/redisaccess"
)

func idle(t *testing.T) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { client.Close() })
	return client
}

func TestAConfigSaysEverythingThatIsWrongWithIt(t *testing.T) {
	_, err := NewMember(Config{ID: "A B", Host: "a\nb", Version: strings.Repeat("1", maxText+1), Heartbeat: time.Millisecond, Timeout: -1})
	if !errors.Is(err, ErrInvalid) {
		t.Fatal(err)
	}
	for _, field := range []string{"Client: required", "Name: ", "ID: ", "Host: ", "Version: ", "Heartbeat: ", "Timeout: "} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named: %v", field, err)
		}
	}
	unbounded := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer unbounded.Close()
	if _, err := NewMember(Config{Client: unbounded, Name: "shop"}); err == nil || !strings.Contains(err.Error(), "ContextTimeoutEnabled") {
		t.Errorf("a client whose calls have no end: %v", err)
	}
	if _, err := List(t.Context(), unbounded, "shop"); !errors.Is(err, ErrInvalid) {
		t.Errorf("List: %v", err)
	}
	if _, err := List(t.Context(), idle(t), "a:b"); !errors.Is(err, ErrInvalid) {
		t.Errorf("List: %v", err)
	}
	one, err := NewMember(Config{Client: idle(t), Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	two, err := NewMember(Config{Client: idle(t), Name: "shop"})
	if err != nil || one.Stats().ID == two.Stats().ID || one.Stats().ID == "" {
		t.Errorf("two instances are %s and %s, %v", one.Stats().ID, two.Stats().ID, err)
	}
}

func TestAMemberGoesOnWithoutRedisAndStartsOnce(t *testing.T) {
	m, err := NewMember(Config{Client: idle(t), Name: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(t.Context()); !errors.Is(err, ErrStarted) {
		t.Errorf("a second Start: %v", err)
	}
	if err := m.Close(); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Close: %v", err)
	}
	if err := m.Start(t.Context()); !errors.Is(err, ErrStarted) {
		t.Errorf("Start after Close: %v", err)
	}
}

// The list is for people: no text of an instance about itself ends it.
func TestAStateThatPanicsIsAFailedHeartbeat(t *testing.T) {
	m, err := NewMember(Config{Client: idle(t), Name: "shop", State: func() string { panic("boom") }})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.heartbeat(t.Context()); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "boom") {
		t.Error(err)
	}
}

// An attacker who can write to Redis chooses what List reads.
func TestWhatNoMemberWroteIsLeftOut(t *testing.T) {
	good := record{Host: "web-1", State: "running", Started: 1, Lease: 1000}
	text, err := good.text()
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := parseInstance("a", text, 5000, 1000); !ok || i.Host != "web-1" || i.SeenAt.UnixMilli() != 4000 || !i.RevisionSince.IsZero() {
		t.Fatalf("%+v, %v", i, ok)
	}
	for name, change := range map[string]func(*record){
		"an escape of a terminal": func(r *record) { r.Host = "\x1b[2J" },
		"a line break":            func(r *record) { r.State = "running\nroot" },
		"a word too long":         func(r *record) { r.Version = strings.Repeat("v", maxText+1) },
		"text turned round":       func(r *record) { r.Revision = "a\u202eb" },
		"no lease":                func(r *record) { r.Lease = 0 },
		"a lease without end":     func(r *record) { r.Lease = 1 << 60 },
	} {
		bad := good
		change(&bad)
		data, err := json.Marshal(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := parseInstance("a", string(data), 5000, 1000); ok {
			t.Errorf("%s is listed", name)
		}
	}
	for id, text := range map[string]string{"A": text, "": text, "a": "{", "b": `{"host":1}`, "c": strings.Repeat(" ", maxRecord+1)} {
		if _, ok := parseInstance(id, text, 5000, 1000); ok {
			t.Errorf("%q %q is listed", id, text)
		}
	}
	if _, ok := parseInstance("a", text, 5000, 1001); ok {
		t.Error("one whose lease ends later than it can is listed")
	}
	bad := good
	bad.State = "\x07"
	if _, err := bad.text(); !errors.Is(err, ErrInvalid) {
		t.Errorf("such a state is told: %v", err)
	}
}

func TestDecidingCountsByRevisionAndKeepsTheFirst(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(s, 0).UTC() }
	got := Deciding([]Instance{{Revision: "a", RevisionSince: at(9)}, {Revision: "a", RevisionSince: at(5)}, {Revision: "b", RevisionSince: at(7)}, {}})
	want := map[string]Decision{"a": {2, at(5)}, "b": {1, at(7)}, "": {Instances: 1}}
	for revision, d := range want {
		if got[revision] != d {
			t.Errorf("%q: %+v, want %+v", revision, got[revision], d)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%+v", got)
	}
}

func TestEveryCommandOfTheScriptsCanBeAskedAbout(t *testing.T) {
	all := redisaccess.Commands(heartbeatSource, leaveSource, listSource)
	if len(all) < 8 {
		t.Fatalf("few commands: %v", all)
	}
	for _, c := range all {
		if !redisaccess.Known(c) {
			t.Errorf("%s is unknown to redisaccess", c)
		}
	}
	for _, c := range redisaccess.Commands(listSource) {
		switch c {
		case "time", "zrange", "hget":
		default:
			t.Errorf("the list runs %s, which changes something", c)
		}
	}
}
