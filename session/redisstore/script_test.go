package redisstore

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	callPattern = regexp.MustCompile(`redis\.p?call\(([^()]*(?:\([^()]*\)[^()]*)*)\)`)
	// Changes are announced on the channel of the key's prefix, under the name of a key or of
	// one that shares its slot. A heartbeat has a channel of its own.
	publishPattern = regexp.MustCompile(`^'PUBLISH', (string\.match\(KEYS\[\d\], '\^\[\^:\]\*'\) \.\. ':changes', (KEYS\[\d\]|string\.sub\(KEYS\[\d\], 1, -2\) \.\. 's:' \.\. member)|ARGV\[1\], ARGV\[2\] \.\. ' ' \.\. now)$`)

	keyPattern = regexp.MustCompile(`^KEYS\[[a-z0-9 +*]+\]$`)
)

// allowed are the commands that scripts may use. Each takes its key as first argument,
// and DEL takes nothing else.
var allowed = []string{
	"TIME", "GET", "SET", "EXISTS", "DEL", "UNLINK", "PEXPIRE", "PEXPIREAT", "PTTL",
	"HGET", "HMGET", "HSET", "HSETNX", "HDEL", "ZADD", "ZREM", "ZRANGE", "ZCARD", "ZCOUNT", "ZSCORE", "ZMSCORE", "XADD", "XRANGE",
}

// lint returns what is wrong with a script: a key that it was not given would be in
// another slot, and SCAN or KEYS would make a call as slow as the database is large.
func lint(source string) []string {
	var findings []string
	// The answers without a key, whose refusal a script tells.
	source = strings.ReplaceAll(source, "redis.pcall('INFO', 'replication')", "")
	source = strings.ReplaceAll(source, "redis.pcall('INFO', 'server', 'replication', 'stats', 'memory')", "")
	lines := strings.Split(source, "\n")
	if lines[0] != "#!lua" && lines[0] != "#!lua flags=allow-oom" {
		findings = append(findings, "the first line does not make Redis refuse the script on a replica")
	}
	for _, part := range []string{"-- KEYS:", "-- Returns "} {
		if !strings.Contains(source, part) {
			findings = append(findings, "the header does not say "+part)
		}
	}
	if strings.Contains(strings.ReplaceAll(source, "-- ARGV:", ""), "ARGV") != strings.Contains(source, "-- ARGV:") {
		findings = append(findings, "the header does not say -- ARGV: or says it of none")
	}
	if strings.Contains(source, "redis.pcall") || strings.Contains(source, "loadstring") {
		findings = append(findings, "an error could be swallowed, or code be built")
	}
	calls := callPattern.FindAllStringSubmatch(source, -1)
	if len(calls) != strings.Count(source, "call(") {
		findings = append(findings, "a call is not understood")
	}
	for _, call := range calls {
		args := strings.Split(call[1], ",")
		for i := range args {
			args[i] = strings.TrimSpace(args[i])
		}
		name := strings.Trim(args[0], "'")
		if name == "PUBLISH" {
			if !publishPattern.MatchString(call[1]) {
				findings = append(findings, "an announcement that no feed understands: "+call[1])
			}
			continue
		}
		if !slices.Contains(allowed, name) || args[0] != "'"+name+"'" {
			findings = append(findings, "command "+args[0])
			continue
		}
		keys := args[1:min(2, len(args))]
		if name == "DEL" || name == "UNLINK" || name == "EXISTS" {
			keys = args[1:]
		}
		if name == "TIME" {
			continue
		}
		if len(keys) == 0 || slices.ContainsFunc(keys, func(k string) bool { return !keyPattern.MatchString(k) }) {
			findings = append(findings, name+" of a key that is not declared: "+strings.Join(keys, ", "))
		}
	}
	return findings
}

func TestScriptsTouchOnlyTheirKeys(t *testing.T) {
	files, err := fs.Glob(sources, "lua/*.lua")
	if err != nil || len(files) < 32 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		source, err := fs.ReadFile(sources, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range lint(string(source)) {
			t.Errorf("%s: %s", file, finding)
		}
	}
}

func TestTheLintFindsWhatItIsFor(t *testing.T) {
	const header = "#!lua\n-- KEYS: a\n-- Returns ok.\n"
	if findings := lint(header + "redis.call('GET', KEYS[1])"); len(findings) != 0 {
		t.Fatalf("a sound script: %v", findings)
	}
	for what, source := range map[string]string{
		"no first line":        "-- KEYS: a\n-- Returns ok.\nredis.call('GET', KEYS[1])",
		"a script for replica": strings.Replace(header, "#!lua", "#!lua flags=no-writes", 1),
		"no header":            "#!lua\nredis.call('GET', KEYS[1])",
		"SCAN":                 header + "redis.call('SCAN', '0')",
		"KEYS":                 header + "redis.call('KEYS', '*')",
		"a built key":          header + "redis.call('GET', KEYS[1] .. ':e')",
		"a key from ARGV":      header + "-- ARGV: a\nredis.call('GET', ARGV[1])",
		"a key from a variable": header + `local k = 'x'
redis.call('GET', k)`,
		"a second key of DEL": header + "redis.call('DEL', KEYS[1], 'x')",
		"a built command":     header + "redis.call('G' .. 'ET', KEYS[1])",
		"another channel":     header + "redis.call('PUBLISH', 'x', KEYS[1])",
		"another message":     header + "redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', 'x')",
		"pcall":               header + "redis.pcall('GET', KEYS[1])",
	} {
		if len(lint(source)) == 0 {
			t.Errorf("%s: nothing is found", what)
		}
	}
}
