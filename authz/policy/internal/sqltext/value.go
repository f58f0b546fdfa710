package sqltext

import (
	"strconv"
	"strings"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// types are the kinds as Postgres calls them.
var types = map[condition.Kind]string{
	condition.KindString: "text", condition.KindInt: "bigint", condition.KindFloat: "double precision",
	condition.KindBool: "boolean", condition.KindTime: "timestamptz", condition.KindUUID: "uuid",
}

// value writes a constant of a kind as an argument.
func (w *writer) value(v condition.Value, k condition.Kind) string {
	if w.slot != nil {
		return w.slotText(w.slot, types[k])
	}
	return w.arg(w.bound(v), types[k])
}

// bound is a constant as a driver of database/sql takes it. SQLite has neither times, which are
// microseconds since 1970 there, nor a bool.
func (w *writer) bound(v condition.Value) any {
	switch v.Kind() {
	case condition.KindInt:
		return v.Int()
	case condition.KindFloat:
		return v.Float()
	case condition.KindBool:
		if w.postgres() {
			return v.Bool()
		}
		if v.Bool() {
			return int64(1)
		}
		return int64(0)
	case condition.KindTime:
		if w.postgres() {
			return v.Time()
		}
		return v.Time().UnixMicro()
	}
	return v.Text()
}

// array writes constants as one argument of Postgres: an array in its own spelling, which every
// driver takes as a text.
func (w *writer) array(list []condition.Value, k condition.Kind) string {
	switch {
	case w.slot != nil && w.slot.list:
		return w.slotText(w.slot, types[k])
	case w.slot != nil:
		return "ARRAY[" + w.slotText(w.slot, types[k]) + "]"
	}
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		switch v.Kind() {
		case condition.KindInt:
			b.WriteString(strconv.FormatInt(v.Int(), 10))
		case condition.KindFloat:
			b.WriteString(strconv.FormatFloat(v.Float(), 'g', -1, 64))
		case condition.KindTime:
			b.WriteString(`"` + v.Time().Format(timeLayout) + `"`)
		default:
			b.WriteByte('"')
			b.WriteString(inArray.Replace(v.Text()))
			b.WriteByte('"')
		}
	}
	b.WriteByte('}')
	return w.arg(b.String(), types[k]+"[]")
}

// timeLayout is how Postgres takes a time of the years 1 to 9999.
const timeLayout = "2006-01-02 15:04:05.999999Z07:00"

// Array returns texts as an array of Postgres in its own spelling.
func Array(texts []string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, text := range texts {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + inArray.Replace(text) + `"`)
	}
	b.WriteByte('}')
	return b.String()
}

var inArray = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// texts returns those of a list that the database can hold, each once.
func (w *writer) texts(list []string) (kept []condition.Value, all bool) {
	seen := map[string]bool{}
	all = true
	for _, text := range list {
		v := condition.String(text)
		if w.postgres() && !holdable(v) {
			all = false
			continue
		}
		if !seen[text] {
			seen[text] = true
			kept = append(kept, v)
		}
	}
	return kept, all
}
