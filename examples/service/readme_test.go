package main

import (
	"crypto/sha256"
	"encoding/base64"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/reevehq/reeve/examples/service/config"
)

// rows returns the rows of the README's table whose first column is named so, by their first cells
// without backquotes.
func rows(t *testing.T, column string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n| "+column+" |")
	if !found {
		t.Fatalf("the README has no table of %ss", column)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	all := map[string][]string{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		name := strings.Trim(cells[0], "`")
		if all[name] != nil || len(cells) != 3 || cells[2] == "" {
			t.Errorf("%q is there twice, or is no row of three", line)
		}
		all[name] = cells
	}
	return all
}

// The README's table has every setting of the schema with the default that holds, says which are secret,
// and has no other.
func TestTheREADMEListsEverySetting(t *testing.T) {
	listed := rows(t, "setting")
	cfg, err := config.Load(config.Sources{Platform: "console"})
	if err != nil {
		t.Fatal(err)
	}
	masked, err := config.Load(config.Sources{Platform: "console", Flags: everySecret(t)})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range cfg.Values() {
		row, there := listed[v.Path]
		if !there {
			t.Errorf("%s is not listed", v.Path)
			continue
		}
		delete(listed, v.Path)
		if got := strings.Trim(row[1], "`"); got != v.Text {
			t.Errorf("%s is listed with the default %q, and has %q", v.Path, got, v.Text)
		}
		if secret := masked.Values()[i].Text == "(secret)"; secret != strings.HasSuffix(row[2], "Secret") {
			t.Errorf("%s is secret: %t, which %q does not say", v.Path, secret, row[2])
		}
	}
	for path := range listed {
		t.Errorf("%s is listed, and is no setting", path)
	}
}

// everySecret sets all texts that may be secret, so that the masked ones show.
func everySecret(t *testing.T) map[string]string {
	t.Helper()
	key := aKey(1)
	return map[string]string{
		"redis.url": "redis://h:1", "keys.session": key, "keys.signing": key, "keys.redis_name": key, "keys.redis_seal": key,
		"database.url": "postgres://u@h/d", "database.owner_url": "postgres://u@h/d", "database.tenant_key": key,
		"traces.url": "http://h/", "traces.authorization": "x", "policy.redis": "p", "policy.keys": key,
	}
}

// The README's table has every check of /readyz, and says which are optional.
func TestTheREADMEListsEveryCheck(t *testing.T) {
	listed := rows(t, "check")
	tr, err := newTracker(loaded(t, map[string]string{
		"redis.url": "redis://127.0.0.1:1", "keys.session": aKey(1), "keys.signing": aKey(2), "keys.redis_name": aKey(3), "keys.redis_seal": aKey(4),
		"database.url": "postgres://u@127.0.0.1:1/d", "database.tenant_key": aKey(5),
	}), nil, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.closeRedis(t.Context())
	for _, c := range tr.checks() {
		row, there := listed[c.Name]
		if want := map[bool]string{true: "yes", false: "no"}[c.Optional]; !there || row[1] != want {
			t.Errorf("%s is listed as %v, and is optional: %t", c.Name, row, c.Optional)
		}
		delete(listed, c.Name)
	}
	for name := range listed {
		t.Errorf("%s is listed, and is no check", name)
	}
}

// The bounds in the table are those of the schema.
func TestTheREADMEsBoundsAreThoseOfTheSchema(t *testing.T) {
	bounds := regexp.MustCompile(`, 1 to ([0-9,]+)$`)
	found := 0
	for path, row := range rows(t, "setting") {
		m := bounds.FindStringSubmatch(row[2])
		if m == nil {
			continue
		}
		found++
		most := strings.ReplaceAll(m[1], ",", "")
		for value, valid := range map[string]bool{"0": false, "1": true, most: true, most + "0": false} {
			if _, err := config.Load(config.Sources{Platform: "console", Flags: map[string]string{path: value}}); (err == nil) != valid {
				t.Errorf("%s: %s is accepted: %t, %v", path, value, err == nil, err)
			}
		}
	}
	if found != 5 {
		t.Errorf("%d settings have bounds", found)
	}
}

// aKey is the base64 of a key.
func aKey(b byte) string {
	key := sha256.Sum256([]byte{b})
	return base64.StdEncoding.EncodeToString(key[:])
}
