package token

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays may nest. The outermost object counts as one.
const maxDepth = 8

// malformed says how a JSON text fails. It repeats nothing of the text.
type malformed string

func (m malformed) Error() string { return string(m) }

const (
	notStrict = malformed("not strict JSON")
	tooDeep   = malformed("nested too deep")
	tooLarge  = malformed("a number is out of range")
	notObject = malformed("not an object")
	notArray  = malformed("not an array")
	notString = malformed("not a string")
	notNumber = malformed("not a number")
)

// reader walks a JSON text once, without memory of its own, and refuses what two parsers could read
// in two ways: a name that occurs twice in an object, at whatever depth, text that is not UTF-8,
// half of a surrogate pair, a number beyond float64, more than [maxDepth] levels. Skipped values
// are checked like those that are read.
//
//	r := readerOf(text)
//	for r.open('{'); r.next(); {
//		switch r.name {
//		case "sub":
//			user = r.string()
//		default:
//			r.skip()
//		}
//	}
//	err := r.end()
//
// The first error stays: after it next is false, and nothing that was read before counts.
type reader struct {
	text string
	at   int
	err  error

	// name is that of the member that next went to, once unescaped. Nothing is folded, so
	// "TENANT" is not "tenant".
	name string

	depth  int
	levels [maxDepth + 1]level
	seen   names
}

// level is an object or an array that was opened.
type level struct {
	end   byte // '}' or ']'
	begun bool
	nameScope
}

func readerOf(text string) reader { return reader{text: text} }

// fail keeps the first error.
func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// failIn is fail of the member of that name, a name of ours, with what failed in its value.
func (r *reader) failIn(name string) {
	if r.err != nil {
		r.err = malformed(name + ": " + r.err.Error())
	}
}

// kind goes to the next byte that is no white space and returns it, 0 at the end.
func (r *reader) kind() byte {
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// take goes over one byte that has to come next.
func (r *reader) take(c byte) bool {
	if r.kind() != c {
		r.fail(notStrict)
		return false
	}
	r.at++
	return true
}

// open enters an object, '{', or an array, '['. A value of another kind is an error.
func (r *reader) open(begin byte) {
	end, another := byte('}'), notObject
	if begin == '[' {
		end, another = ']', notArray
	}
	switch {
	case r.kind() != begin:
		r.mistaken(another)
	case r.depth == maxDepth:
		r.fail(tooDeep)
	default:
		r.at++
		r.depth++
		r.levels[r.depth] = level{end: end, nameScope: r.seen.open()}
	}
}

// next goes to the next member or element of what was opened last and is not closed. It is
// false behind the end, which closes it, and after an error.
func (r *reader) next() bool {
	if r.err != nil {
		return false
	}
	l := &r.levels[r.depth]
	if r.kind() == l.end {
		r.at++
		r.depth--
		r.seen.close(l.nameScope)
		return false
	}
	if l.begun && !r.take(',') {
		return false
	}
	l.begun = true
	return l.end == ']' || r.member(l)
}

// member reads the name of a member and goes to its value.
func (r *reader) member(l *level) bool {
	if r.kind() != '"' {
		r.fail(notStrict)
		return false
	}
	name := r.view()
	if r.err == nil && !r.seen.add(l.nameScope, name) {
		r.fail(notStrict)
	}
	r.name = name
	return r.err == nil && r.take(':')
}

// end returns the first error. Nothing but white space may follow.
func (r *reader) end() error {
	if r.kind() != 0 || r.at < len(r.text) {
		r.fail(notStrict)
	}
	return r.err
}

// skip reads one value and keeps nothing of it.
func (r *reader) skip() {
	switch c := r.kind(); c {
	case '{', '[':
		for r.open(c); r.next(); {
			r.skip()
		}
	case '"':
		r.raw()
	case 't':
		r.literal("true")
	case 'f':
		r.literal("false")
	case 'n':
		r.literal("null")
	default:
		r.digits()
	}
}

// mistaken fails at a value of another kind than is wanted, which may not be strict either. The
// members of an object or an array are not looked at.
func (r *reader) mistaken(err error) {
	switch c := r.kind(); {
	case c != '{' && c != '[':
		r.skip()
	case r.depth == maxDepth:
		r.fail(tooDeep)
	}
	r.fail(err)
}

// view reads a string. Most are a part of the text: a text that is kept for longer comes of
// string.
func (r *reader) view() string {
	if r.kind() != '"' {
		r.mistaken(notString)
		return ""
	}
	raw, escaped := r.raw()
	if escaped {
		return unescaped(raw)
	}
	return raw
}

// string reads a string.
func (r *reader) string() string { return strings.Clone(r.view()) }

// strings reads an array of strings.
func (r *reader) strings(each func(s string)) {
	for r.open('['); r.next(); {
		if s := r.string(); r.err == nil {
			each(s)
		}
	}
}

// number reads a number and returns it as it is written.
func (r *reader) number() string {
	switch c := r.kind(); {
	case c == '-', '0' <= c && c <= '9':
		return r.digits()
	}
	r.mistaken(notNumber)
	return ""
}

func (r *reader) literal(word string) {
	if !strings.HasPrefix(r.text[r.at:], word) {
		r.fail(notStrict)
		return
	}
	r.at += len(word)
}

// raw reads what stands between quotes, of which the first comes next, and reports whether
// there are escape sequences in it.
func (r *reader) raw() (raw string, escaped bool) {
	text := r.text
	from := r.at + 1
	for at := from; at < len(text); {
		switch c := text[at]; {
		case c == '"':
			r.at = at + 1
			return text[from:at], escaped
		case c == '\\':
			_, n := escape(text[at:])
			if n == 0 {
				r.fail(notStrict)
				return "", false
			}
			at += n
			escaped = true
		case c < ' ':
			r.fail(notStrict)
			return "", false
		case c < utf8.RuneSelf:
			at++
		default:
			_, n := utf8.DecodeRuneInString(text[at:])
			if n == 1 {
				r.fail(notStrict)
				return "", false
			}
			at += n
		}
	}
	r.fail(notStrict)
	return "", false
}

// longestPlain is how many bytes of digits without an exponent cannot be beyond float64, whose
// largest has 309.
const longestPlain = 300

// digits reads a number (RFC 8259 §6), or fails at what is no value at all.
func (r *reader) digits() string {
	text, from := r.text, r.at
	at, ok := from, true
	some := func() {
		begin := at
		for at < len(text) && '0' <= text[at] && text[at] <= '9' {
			at++
		}
		ok = ok && at > begin
	}
	if at < len(text) && text[at] == '-' {
		at++
	}
	if at < len(text) && text[at] == '0' {
		at++
	} else {
		some()
	}
	if at < len(text) && text[at] == '.' {
		at++
		some()
	}
	plain := at-from <= longestPlain
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		plain = false
		at++
		if at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		some()
	}
	if !ok {
		r.fail(notStrict)
		return ""
	}
	r.at = at
	if !plain {
		if _, err := strconv.ParseFloat(text[from:at], 64); err != nil {
			r.fail(tooLarge)
			return ""
		}
	}
	return text[from:at]
}
