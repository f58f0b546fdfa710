package pgxscope

import "strings"

const leaves = "a temporary table would be there for the next tenant: ON COMMIT DROP"

// temporary holds what the words of a statement say of temporary objects, as they are read.
type temporary struct {
	object  bool // one is named: by TEMP, or by its schema
	into    bool // SELECT INTO makes one
	dropped bool // ON COMMIT DROP
	schema  bool // their schema is named

	before, earlier string // the two words before
}

// read reads the next word, in lower case.
func (t *temporary) read(text string, quoted bool) {
	into := t.before == "into" && t.earlier != "insert" && t.earlier != "merge"
	switch {
	case strings.HasPrefix(text, "pg_temp"): // pg_temp_3 is that of a session
		t.schema, t.object, t.into = true, true, t.into || into || t.before == "table" && t.earlier == "into"
	case quoted:
		text = ""
	case text == "temp" || text == "temporary":
		kind := t.before == "local" || t.before == "global"
		t.object = t.object || kind || t.before == "create" || t.before == "replace"
		t.into = t.into || into || kind && t.earlier == "into"
	case text == "drop":
		t.dropped = t.dropped || t.before == "commit" && t.earlier == "on"
	}
	t.earlier, t.before = t.before, text
}
