package policy

import (
	"strings"

	"github.com/reevehq/reeve/internal/hint"
)

// modelWord is one word of a model.conf, and where it stands.
type modelWord struct {
	text      string
	line, col int
}

// difference returns the first word of a section in which it differs from the standard
// model's, and what is expected there. It returns "" when the words are the same. A copy of the
// matcher from before routes were named is held against the matcher of then, and roles with times
// against those.
func difference(content, section, key string) (line, col int, why string) {
	got := definition(content, section)
	want := append([]string{key, "="}, words(clause(key))...)
	other := strings.Replace(clause(key), namedRoute, "", 1)
	if key == "g" {
		_, other, _ = strings.Cut(timedRole, " = ")
	}
	before := append([]string{key, "="}, words(other)...)
	if alikeFor(got, before) > alikeFor(got, want) {
		want = before
	}
	for i, w := range got {
		if i == len(want) {
			if i > 0 && w.line > got[i-1].line && w.text != "&&" && w.text != "||" {
				return w.line, w.col, inQuotes(w.text) + " is a second definition, and the standard model has one: delete it"
			}
			return w.line, w.col, inQuotes(w.text) + " stands where the standard model ends: delete what follows"
		}
		if w.text == want[i] {
			continue
		}
		why = inQuotes(want[i]) + " is expected where " + inQuotes(w.text) + " stands"
		if i+1 < len(got) && got[i+1].text == want[i] {
			why = inQuotes(w.text) + " stands there beyond the standard model: delete it"
		} else if i+1 < len(want) && w.text == want[i+1] {
			why = inQuotes(want[i]) + " is missing before " + inQuotes(w.text)
		}
		if i := foreign(w.text, func(int) bool { return true }); i >= 0 {
			why += ": " + hint.Rune(w.text[i:]) + hint.Alike(w.text[i:])
		}
		return w.line, w.col, why
	}
	if n := len(got); n > 0 && n < len(want) {
		last := got[n-1]
		return last.line, last.col + len(last.text), inQuotes(want[n]) + " is missing behind " + inQuotes(last.text)
	}
	if n := len(got); n > 0 && key == "e" {
		for i := 3; i < n; i++ {
			// Casbin compares the effect as one text.
			if apart(clause(key), want[2:], i-2) != (got[i].line == got[i-1].line && got[i].col > got[i-1].col+len(got[i-1].text)) {
				return got[i].line, got[i].col, "the spaces count in the effect: write e = " + clause(key)
			}
		}
	}
	return 0, 0, ""
}

// alikeFor returns in how many words the two begin alike.
func alikeFor(got []modelWord, want []string) int {
	n := 0
	for n < len(got) && n < len(want) && got[n].text == want[n] {
		n++
	}
	return n
}

// apart reports whether a space stands before word i of a text of these words.
func apart(text string, words []string, i int) bool {
	at := 0
	for _, w := range words[:i] {
		at += strings.Index(text[at:], w) + len(w)
	}
	return at < len(text) && text[at] == ' '
}

// definition returns the words of a section, as Casbin reads it: without comments, and over
// the lines that end in \.
func definition(content, section string) []modelWord {
	var out []modelWord
	here, n := false, 0
	for text := range strings.Lines(content) {
		n++
		line := strings.TrimRight(text, "\r\n")
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "[") && strings.HasSuffix(trimmed, "]") {
			here = trimmed == "["+section+"]"
			continue
		}
		if !here {
			continue
		}
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		line = strings.TrimSuffix(strings.TrimRight(line, " \t"), `\`)
		for at := 0; at < len(line); {
			if line[at] == ' ' || line[at] == '\t' {
				at++
				continue
			}
			size := wordLength(line[at:])
			out = append(out, modelWord{line[at : at+size], n, at + 1})
			at += size
		}
	}
	return out
}

func sectionNames() []string {
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	return names
}

// inQuotes returns a word in double quotes, once.
func inQuotes(word string) string {
	if strings.HasPrefix(word, `"`) {
		return quoteless(word)
	}
	return quote(word)
}
