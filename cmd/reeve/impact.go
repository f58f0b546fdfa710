package main

import (
	"cmp"
	"encoding/json"
	"os"
	"strings"
	"sync"

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

// loadBoth loads two policies side by side. Where neither loads, the error is that of the old one.
func loadBoth(oldDir, newDir string) (old, new *impact.Policy, err error) {
	var oldErr, newErr error
	var loading sync.WaitGroup
	loading.Go(func() { old, _, oldErr = loadImpact(oldDir) })
	new, _, newErr = loadImpact(newDir)
	loading.Wait()
	return old, new, cmp.Or(oldErr, newErr)
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
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t'\"\\$`*?|&;<>()[]{}#!~") {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

func markdownCode(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "`", "'") + "`"
}
