package redisstore

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// How a change that a dead network delivers late is told from one in time. A script that writes has one
// of these, and its guard stands before the first write.
const (
	byDeadline = `return \{'late'`     // Redis's clock
	byVersion  = `return \{'conflict'` // of what is changed
	byEpoch    = `return \{'moved'`    // of the user
	byDigest   = `family\[1\] == ARGV\[2\]`
	once       = `'SET', KEYS\[\d\], [^)]*'NX'|'HSETNX'|if not redis\.call\('HGET'|'EXISTS', KEYS\[\d\]\) == 0` // the record stays
	higher     = `(or 0\) < tonumber\(ARGV|math\.max\()`                                                        // it only grows
	ended      = ``                                                                                             // it concerns sessions that have ended, whose ids nobody has again
	neutral    = ``                                                                                             // it changes nothing that is asked for
)

// guards are those of each script that writes, with the name that the reader looks for.
var guards = map[string]string{
	"advance": byDeadline, "block": byDeadline, "cut": byDeadline, "revoke": byDeadline, "stale": byDeadline, "tenant_revoke": byDeadline,
	"tenant_stale": byDeadline, "touch": byDeadline, "erase": byDeadline, "erase_events": byDeadline, "create": byDeadline,
	"update": byVersion, "end": byVersion, "retire": byVersion, "rotate": byVersion, "regrant": byVersion, "others": byVersion, "tenant_status": byVersion,
	"update_user": byEpoch, "refresh": byDigest,
	"ensure": once, "sign_in": once, "use": once, "claim": once, "tenant_name": once, "sign_in_end": once, "sign_in_lost": once,
	"raise": higher, "tenant_raise": higher, "tenant_restore": higher, "cut_raise": higher, "set_back": higher,
	"discard": ended, "forget": ended,
	"check": neutral, "look": neutral,
}

// writes are the commands that change something other than for how long it is kept.
var writes = regexp.MustCompile(`redis\.call\('(SET|HSET|HSETNX|DEL|UNLINK|HDEL|ZADD|ZREM|XADD)'`)

var comments = regexp.MustCompile(`(?m)^--.*$`)

// TestNoScriptWritesWhateverIsThere: a blind write is one that a dead network may deliver over what was
// acknowledged since.
func TestNoScriptWritesWhateverIsThere(t *testing.T) {
	files, err := fs.Glob(sources, "lua/*.lua")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		source, err := fs.ReadFile(sources, file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(path.Base(file), ".lua")
		seen[name] = true
		guard, known := guards[name]
		if blind := blindWrites(string(source), guard); !known && writes.Match(source) {
			t.Errorf("%s writes: say by which version, epoch or deadline", name)
		} else if known && blind != "" {
			t.Errorf("%s: %s", name, blind)
		}
	}
	for name := range guards {
		if !seen[name] {
			t.Errorf("%s is no script", name)
		}
	}
}

// blindWrites returns what is wrong with a script that has a guard.
func blindWrites(source, guard string) string {
	first := writes.FindStringIndex(source)
	if first == nil {
		return "it writes nothing"
	}
	if guard == "" {
		return ""
	}
	body := comments.ReplaceAllString(source, "") // which name the answers too
	at := regexp.MustCompile(guard).FindStringIndex(body)
	write := writes.FindStringIndex(body)
	switch {
	case at == nil:
		return "its guard is gone"
	case guard != once && write != nil && write[0] < at[0]:
		return "it writes before its guard"
	}
	return ""
}

func TestABlindWriteIsFound(t *testing.T) {
	const head, late, write = "-- KEYS: a\n-- Returns {'ok'} or {'late'}.\nlocal time = redis.call('TIME')\n", "if late then return {'late', now} end\n", "redis.call('SET', KEYS[1], 1)\n"
	for what, c := range map[string]struct {
		source string
		sound  bool
	}{
		"a guard":                {head + late + write, true},
		"no guard":               {head + write, false},
		"a guard behind a write": {head + write + late, false},
		"no write":               {head + late, false},
	} {
		if (blindWrites(c.source, byDeadline) == "") != c.sound {
			t.Errorf("%s: %s", what, blindWrites(c.source, byDeadline))
		}
	}
}
