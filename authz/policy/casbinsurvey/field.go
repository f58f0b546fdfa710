package casbinsurvey

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/util"
)

// field is one value of a request, and what the matcher compares it with.
type field struct {
	word, name string
	columns    []column // of rows
	links      []link
	literals   []string
	meets      []int    // fields that it is compared with
	by         []string // functions and operators that do not compare texts as they are
}

// column is a value of the rows of a section, matched by a function unless by is "".
type column struct {
	section string
	at      int
	by      string
}

// link is an argument of a section of role links.
type link struct {
	section string
	domain  bool
}

var (
	tokenPattern = regexp.MustCompile(`\b[rp][0-9]*_\w+(\.\w+)?`)
	linkPattern  = regexp.MustCompile(`\b(g[0-9]*)\(([^()]*)\)`)
	callPattern  = regexp.MustCompile(`\b([A-Za-z]\w*)\(`)
	otherPattern = regexp.MustCompile(`=~|!~|[<>+*/%-]`)
)

// maxDepth is how deep rows may evaluate rows.
const maxDepth = 3

// read notes what a matcher, or a row that it evaluates, compares with what.
func (p *Policy) read(matcher string, depth int) error {
	for _, text := range comparisons(matcher) {
		if err := p.compare(text, depth); err != nil {
			return err
		}
	}
	return nil
}

// compare notes one comparison.
func (p *Policy) compare(text string, depth int) error {
	plain, literals := unquoted(text)
	var bad error
	plain = linkPattern.ReplaceAllStringFunc(plain, func(call string) string {
		rest, err := p.readLink(call)
		if bad == nil {
			bad = err
		}
		return rest
	})
	fields, columns, err := p.tokens(plain)
	if err = errors.Join(bad, err); err != nil {
		return err
	}
	by := ""
	for _, m := range callPattern.FindAllStringSubmatch(plain, -1) {
		switch m[1] {
		case "eval":
			return p.readRows(columns, depth)
		case "in":
		default:
			by = m[1]
		}
	}
	if by == "" {
		by = otherPattern.FindString(tokenPattern.ReplaceAllString(plain, ""))
	}
	for _, i := range fields {
		f := &p.fields[i]
		f.literals = append(f.literals, literals...)
		for _, c := range columns {
			c.by = by
			f.columns = append(f.columns, c)
		}
		for _, j := range fields {
			if j != i {
				f.meets = append(f.meets, j)
			}
		}
		if by != "" && !slices.Contains(f.by, by) {
			f.by = append(f.by, by)
		}
	}
	return nil
}

// tokens returns the values of the request and of rows that a text names.
func (p *Policy) tokens(plain string) (fields []int, columns []column, err error) {
	for _, m := range tokenPattern.FindAllStringSubmatch(plain, -1) {
		token := strings.TrimSuffix(m[0], m[1])
		if i := slices.IndexFunc(p.fields, func(f field) bool { return f.word == token }); i >= 0 {
			if m[1] != "" {
				return nil, nil, fmt.Errorf("%w: the matcher asks for r.%s%s, and requests that are written down are texts", ErrModel, p.fields[i].name, m[1])
			}
			fields = append(fields, i)
			continue
		}
		section, _, _ := strings.Cut(token, "_")
		if a := p.model["p"][section]; a != nil {
			if at := slices.Index(a.Tokens, token); at >= 0 {
				columns = append(columns, column{section: section, at: at})
			}
		}
	}
	return fields, columns, nil
}

// readLink notes what a question about role links compares, and leaves nothing of it.
func (p *Policy) readLink(call string) (rest string, err error) {
	m := linkPattern.FindStringSubmatch(call)
	if p.model["g"][m[1]] == nil {
		return call, nil // a function of that name
	}
	args := strings.Split(m[2], ",")
	for n, arg := range args {
		fields, _, err := p.tokens(arg)
		if err != nil {
			return "", err
		}
		for _, i := range fields {
			f := &p.fields[i]
			f.links = append(f.links, link{m[1], n > 1})
			if n < 2 && len(args) > 1 {
				_, columns, _ := p.tokens(args[1-n]) // its error comes in its turn
				f.columns = append(f.columns, columns...)
			}
		}
	}
	return "", nil
}

// readRows reads the rows that a matcher evaluates as parts of it.
func (p *Policy) readRows(columns []column, depth int) error {
	if depth >= maxDepth {
		return fmt.Errorf("%w: rows evaluate rows", ErrModel)
	}
	for _, c := range columns {
		for _, row := range p.model["p"][c.section].Policy {
			if c.at < len(row) {
				if err := p.read(util.EscapeAssertion(row[c.at]), depth+1); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// texts returns what rows, role links and the matcher name for a field.
func (p *Policy) texts(i int) (texts []string) {
	f := p.fields[i]
	texts = slices.Clone(f.literals)
	for _, c := range f.columns {
		for _, row := range p.model["p"][c.section].Policy {
			if c.at < len(row) {
				texts = append(append(texts, row[c.at]), matched(row[c.at], c.by)...)
			}
		}
	}
	for _, l := range f.links {
		for _, row := range p.model["g"][l.section].Policy {
			switch {
			case !l.domain && len(row) >= 2:
				texts = append(texts, row[0], row[1])
			case l.domain && len(row) > 2:
				texts = append(texts, row[2])
			}
		}
	}
	return texts
}

// comparisons cuts a matcher into what stands between && and ||.
func comparisons(matcher string) (list []string) {
	quote, from := byte(0), 0
	for i := 0; i < len(matcher); i++ {
		switch c := matcher[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.HasPrefix(matcher[i:], "&&") || strings.HasPrefix(matcher[i:], "||"):
			list, from = append(list, matcher[from:i]), i+2
			i++
		}
	}
	return append(list, matcher[from:])
}

// unquoted returns a text without what stands in quotes, and that.
func unquoted(text string) (plain string, literals []string) {
	var b strings.Builder
	for {
		at := strings.IndexAny(text, `"'`)
		if at < 0 {
			return b.String() + text, literals
		}
		b.WriteString(text[:at])
		literal, rest, ok := strings.Cut(text[at+1:], text[at:at+1])
		if !ok {
			return b.String(), literals
		}
		literals, text = append(literals, literal), rest
	}
}
