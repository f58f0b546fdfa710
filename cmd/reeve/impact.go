package main

import (
	"encoding/json"
	"strings"
)

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
