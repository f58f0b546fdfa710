package main

import (
	"encoding/json"
	"strings"

	"github.com/reevehq/reeve/authz/policy/impact"
)

// impactOfTwo loads two policies, those of folders alone at once. Of two errors it returns the first policy's.
func impactOfTwo(a *app, old, next *source) (before, after *impact.Policy, err error) {
	if old.redis != "" {
		if before, err = old.impact(a); err == nil {
			after, err = next.impact(a)
		}
		return before, after, err
	}
	first := make(chan error, 1)
	go func() {
		var err error
		before, err = old.impact(a)
		first <- err
	}()
	after, err = next.impact(a)
	if bad := <-first; bad != nil {
		return nil, nil, bad
	}
	return before, after, err
}

func (a *app) json(x any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(x); err != nil {
		return &exitError{codeLoad, err}
	}
	return nil
}

// canLine returns a request as the values and flags of reeve can.
func canLine(row [6]string) string {
	words := []string{row[1], row[0], row[3], row[4]}
	if row[0] == "" {
		words[1] = "-"
	}
	for _, role := range strings.Fields(row[2]) {
		words = append(words, "--role", role)
	}
	if row[5] != "" {
		for pair := range strings.SplitSeq(row[5], ";") {
			words = append(words, "--attr", pair)
		}
	}
	return shellLine(words)
}

// shellLine returns words as a shell takes them.
func shellLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t'\"\\$`*?|&;<>()[]{}#!~") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}

func markdownCode(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "`", "'") + "`"
}
