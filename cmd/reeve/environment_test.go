package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestALineOfAnEnvironmentIsANameAndAValue(t *testing.T) {
	for line, want := range map[string]string{
		"NAME=value":          "value",
		"  NAME = value  ":    "value",
		"export NAME=value":   "value",
		`NAME="a value"`:      "a value",
		`NAME='a "b" value'`:  `a "b" value`,
		"NAME=a=b":            "a=b",
		"NAME=":               "",
		"NAME=value\r":        "value",
		"NAME=pass#word":      "pass#word",
		"# c\n\nNAME=value\n": "value",
	} {
		values, err := parseEnvironment("f", line)
		if got, there := values["NAME"]; err != nil || !there || got != want {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{"name=value", "NA ME=value", "=value", "NAME", `NAME="value`, `NAME="`, "NAME=\x00", "\ufeffNAME=value", "NAME=\xff", "NAME=a\nNAME=b"} {
		if values, err := parseEnvironment("f", line); err == nil {
			t.Errorf("%q is taken: %v", line, values)
		}
	}
}

// FuzzParseEnvironment: nothing panics, and no error holds a part of a value.
func FuzzParseEnvironment(f *testing.F) {
	f.Add("NAME=value\n'=\"\nexport X")
	position := regexp.MustCompile(`^f:\d+:\d+: `)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := parseEnvironment("f", "SEAL_KEY='geheim\n"+text)
		if err == nil {
			t.Fatal("a quote that is not closed is taken")
		}
		for line := range strings.Lines(err.Error()) {
			if !position.MatchString(line) || strings.Contains(line, "geheim") && !strings.Contains(text, "geheim") {
				t.Fatalf("%q", line)
			}
		}
	})
}
