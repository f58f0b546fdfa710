package main

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
)

// loadImpact loads the policy in a folder for questions about all requests.
func loadImpact(dir string) (*impact.Policy, string, error) {
	dir, err := folderOf(dir)
	if err != nil {
		return nil, dir, err
	}
	bundle, _ := policy.ReadBundle(os.DirFS(dir)) // loading says what is wrong
	p, err := impact.New(bundle)
	if err != nil {
		return nil, dir, &exitError{codeLoad, inFolder(dir, err)}
	}
	return p, dir, nil
}

// loadTwo loads two policies at once. Of two errors it returns the first policy's.
func loadTwo(old, new string) (before, after *impact.Policy, err error) {
	type loaded struct {
		policy *impact.Policy
		err    error
	}
	first := make(chan loaded, 1)
	go func() {
		p, _, err := loadImpact(old)
		first <- loaded{p, err}
	}()
	after, _, err = loadImpact(new)
	l := <-first
	if l.err != nil {
		return nil, nil, l.err
	}
	return l.policy, after, err
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
