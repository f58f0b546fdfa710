package redisstore

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/internal/redisaccess"
	"github.com/reevehq/reeve/session"
)

// The access list allows what the scripts and the package's own calls use: a command that somebody
// adds to a script is in the list, and one that no script uses any more is not.
func TestTheAccessListIsThatOfTheScripts(t *testing.T) {
	s := &Store{client: &breakerClient{}, names: names{prefix: "reeve"}, replicas: 1}
	listed := s.commands()
	files, err := fs.Glob(sources, "lua/*.lua")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	used := map[string]bool{"eval": true, "evalsha": true, "subscribe": true, "wait": true}
	anyCall := regexp.MustCompile(`redis\.p?call\(\s*["']([A-Za-z]+)["']`)
	for _, file := range files {
		source, err := fs.ReadFile(sources, file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range anyCall.FindAllStringSubmatch(string(source), -1) {
			used[strings.ToLower(found[1])] = true
		}
		if strings.Count(string(source), "redis.call(")+strings.Count(string(source), "redis.pcall(") != len(anyCall.FindAllString(string(source), -1)) {
			t.Errorf("%s has a call whose command is not in its text", file)
		}
	}
	for command := range used {
		if !slices.Contains(listed, command) {
			t.Errorf("%s is used and not listed", command)
		}
	}
	for _, command := range listed {
		if !used[command] {
			t.Errorf("%s is listed and not used", command)
		}
		if !redisaccess.Known(command) {
			t.Errorf("redisaccess has no complete call of %s", command)
		}
	}
}

// Every key and channel of ours is in a pattern of the access list.
func TestEveryKeyIsInThePatternOfTheAccessList(t *testing.T) {
	own, err := newNames("reeve", session.NewSecretKey([]byte(strings.Repeat("k-", 16))))
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{client: &breakerClient{}, names: own}
	l := s.access()
	for i := range 3 {
		l.SampleKeys = append(l.SampleKeys, s.names.canary(i))
	}
	for _, key := range l.SampleKeys {
		if !strings.HasPrefix(key, strings.TrimSuffix(l.Keys, "*")) {
			t.Errorf("%s is in no pattern", key)
		}
	}
	for i, channel := range l.SampleChannels {
		if !strings.HasPrefix(channel, strings.TrimSuffix(l.Channels[i], "*")) {
			t.Errorf("%s is in no pattern", channel)
		}
	}
}
