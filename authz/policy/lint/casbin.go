package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/internal/policycsv"
)

// casbinModel is a model.conf as Casbin reads it.
type casbinModel struct {
	values map[string]string // by key: "p", "g2", "m"
	lines  map[string]int
}

// readModel reads the definitions of a model.
func readModel(content string) casbinModel {
	m := casbinModel{map[string]string{}, map[string]int{}}
	n, key := 0, ""
	for text := range strings.Lines(content) {
		n++
		text = strings.TrimSpace(text)
		if i := strings.IndexAny(text, "#;"); i >= 0 {
			text = strings.TrimSpace(text[:i])
		}
		if text == "" || strings.HasPrefix(text, "[") {
			continue
		}
		more := strings.HasSuffix(text, `\`)
		text = strings.TrimSpace(strings.TrimSuffix(text, `\`))
		if key != "" {
			m.values[key] += " " + text
		} else if name, value, ok := strings.Cut(text, "="); ok {
			key = strings.TrimSpace(name)
			m.values[key], m.lines[key] = strings.TrimSpace(value), n
		}
		if !more {
			key = ""
		}
	}
	return m
}

// tokens returns the names of the values of a section's rows.
func (m casbinModel) tokens(key string) []string {
	var list []string
	for s := range strings.SplitSeq(m.values[key], ",") {
		list = append(list, strings.TrimSpace(s))
	}
	return list
}

// Casbin looks at a policy of any Casbin model. The names are those that findings have.
func Casbin(modelName, model, policyName, rows string, opts Options) []Finding {
	l := &linter{opts: opts, files: map[string]*policycsv.File{policyName: policycsv.Parse(rows), modelName: policycsv.Parse(model)}}
	c := casbinLinter{linter: l, model: readModel(model), modelName: modelName, name: policyName}
	c.lookAtModel()
	c.lookAtRows()
	if len(l.found) == 0 || !slices.ContainsFunc(l.found, func(f Finding) bool { return f.Severity == policy.SeverityError }) {
		c.lookAtRoles()
		c.lookAtPlan(model, rows)
	}
	return l.sorted()
}

type casbinLinter struct {
	*linter
	model           casbinModel
	modelName, name string
	links           map[string][]casbinLink // by section
}

type casbinLink struct {
	row          row
	member, role string
}

func (c *casbinLinter) atModel(id string, severity policy.Severity, key, help, format string, args ...any) {
	f := Finding{Rule: ruleOf(id), Severity: severity, File: c.modelName, Line: max(c.model.lines[key], 1), Col: 1, Message: fmt.Sprintf(format, args...), Help: help}
	if lines := c.files[c.modelName].Lines(); f.Line <= len(lines) {
		f.Source = lines[f.Line-1].Text
		f.EndCol = len(f.Source) + 1
	}
	c.add(f)
}

func (c *casbinLinter) lookAtModel() {
	for key, value := range c.model.values {
		squeezed := strings.ReplaceAll(value, " ", "")
		if key != "" && key[0] == 'e' && strings.Contains(squeezed, "!some(where(") && !strings.Contains(strings.ReplaceAll(squeezed, "!some", ""), "some(") {
			c.atModel("RV123", policy.SeverityWarning, key, "write e = some(where (p.eft == allow)) && !some(where (p.eft == deny))", "what no rule denies is allowed, also what nobody thought of")
		}
	}
}

// pattern is a function that takes a value of a rule as a pattern.
var pattern = regexp.MustCompile(`\b(keyMatch[2-5]?|regexMatch)\s*\(\s*[^(),]+,\s*p([0-9]*)\.([A-Za-z_]\w*)\s*\)`)

func (c *casbinLinter) lookAtRows() {
	uses := map[[2]string]map[string]bool{} // functions by section and value
	for key, value := range c.model.values {
		if key == "" || key[0] != 'm' {
			continue
		}
		for _, found := range pattern.FindAllStringSubmatch(value, -1) {
			k := [2]string{"p" + found[2], found[3]}
			if uses[k] == nil {
				uses[k] = map[string]bool{}
			}
			uses[k][found[1]] = true
		}
	}
	c.links = map[string][]casbinLink{}
	seen := map[string]int{}
	lines := c.files[c.name].Lines()
	for i := range lines {
		x := &lines[i]
		r := &row{c.name, "", x}
		for _, fault := range x.Faults {
			c.fault(x, fault)
		}
		if x.Kind != policycsv.Row || len(x.Fields) == 0 {
			continue
		}
		section := x.Fields[0].Text
		value, known := c.model.values[section]
		if !known || section == "" || section[0] != 'p' && section[0] != 'g' {
			if len(x.Faults) == 0 {
				c.refuse("RV003", policy.CodeRowSection, r, 0, "rows begin with the name of a definition of the model", "the model defines no %q", section)
			}
			continue
		}
		tokens := c.model.tokens(section)
		if n := len(x.Fields) - 1; section[0] == 'p' && n != len(tokens) || n < len(tokens) {
			c.refuse("RV002", policy.CodeRowLength, r, -1, "", "%d values behind %s, and the model has %d: %s", n, section, len(tokens), value)
			continue
		}
		if len(x.Faults) == 0 {
			values := make([]string, len(x.Fields))
			for i := range x.Fields {
				values[i] = x.Fields[i].Text
			}
			key := strings.Join(values, "\x00")
			if first := seen[key]; first > 0 {
				f := c.at("RV108", policy.SeverityWarning, r, -1, "delete one of them", "the same row stands in line %d", first)
				f.Fix = fixOf(*f, x)
				continue
			}
			seen[key] = x.Number
		}
		if section[0] == 'g' {
			if len(x.Fields) < 3 {
				continue
			}
			c.links[section] = append(c.links[section], casbinLink{*r, x.Fields[1].Text, x.Fields[2].Text})
			continue
		}
		for i, token := range tokens {
			c.lookAtValue(r, i+1, token, uses[[2]string{section, token}])
		}
	}
}

// fault notes what is wrong with how a row is written.
func (c *casbinLinter) fault(x *policycsv.Line, fault policycsv.Fault) {
	f := Finding{Severity: policy.SeverityError, File: c.name, Line: x.Number, Col: fault.Col, EndCol: wordEnd(x.Text, fault.Col), Message: fault.Msg, Source: x.Text, Code: policy.CodeCSVQuotes}
	f.Rule = ruleOf("RV001")
	switch fault.Kind {
	case policycsv.BadSpace:
		// Casbin loads it, and the value is another one.
		f.Rule, f.Severity, f.Code = ruleOf("RV006"), policy.SeverityWarning, ""
	case policycsv.BadEncoding:
		f.Code = policy.CodeEncoding
		if strings.HasPrefix(fault.Msg, "a byte order mark") {
			f.Rule = ruleOf("RV004")
		}
	}
	f.Fix = fixOf(f, x)
	c.add(f)
}

func (c *casbinLinter) lookAtValue(r *row, i int, token string, uses map[string]bool) {
	value := r.line.Fields[i].Text
	if token == "eft" {
		c.lookAtEffect(r, i, value)
		return
	}
	path := strings.NewReplacer("*", "", "{", "", "}", "").Replace(value)
	switch {
	case value == everything:
	case uses["regexMatch"]:
		if !anchored(value) {
			c.at("RV120", policy.SeverityWarning, r, i, "write ^(…)$ around it", "%s also matches longer texts: a regular expression is looked for anywhere in a text", value)
		}
	case uses["keyMatch"] && strings.Contains(strings.TrimSuffix(value, everything), everything):
		c.at("RV121", policy.SeverityWarning, r, i, "end the pattern in the star, or use keyMatch2", "keyMatch ignores everything behind the first star of %s", value)
	case (uses["keyMatch2"] || uses["keyMatch3"] || uses["keyMatch4"] || uses["keyMatch5"]) && strings.ContainsAny(path, "+()[]|^$"):
		c.at("RV126", policy.SeverityWarning, r, i, "write the path without it, or with keyMatch", "the path %s is a regular expression for keyMatch2 to keyMatch5: its signs match other paths", value)
	case (uses["keyMatch2"] || uses["keyMatch3"] || uses["keyMatch4"] || uses["keyMatch5"]) && strings.Contains(path, "."):
		c.at("RV126", policy.SeverityNote, r, i, "know that it does, or use keyMatch", "the dot of %s matches any character under keyMatch2 to keyMatch5", value)
	}
}

func (c *casbinLinter) lookAtEffect(r *row, i int, value string) {
	const help = "write allow or deny"
	then := "Casbin ignores the rule"
	switch trimmed := strings.TrimSpace(value); {
	case value == "allow" || value == "deny" || value == "indeterminate":
		return
	case trimmed == "allow" || trimmed == "deny":
		return // the space is said already
	case strings.EqualFold(value, "allow") || strings.EqualFold(value, "deny"):
		f := c.at("RV102", policy.SeverityError, r, i, help, "unknown effect %q: %s", value, then)
		f.Fix = fixOf(*f, r.line)
	default:
		if strings.HasPrefix(strings.ToLower(value), "d") {
			then += ", and access stays open"
		}
		id := "RV101"
		if strings.Contains(value, "#") || strings.Contains(value, "//") {
			id = "RV005"
		}
		f := c.at(id, policy.SeverityError, r, i, help, "unknown effect %q: %s", value, then)
		if at := strings.IndexAny(value, "#/"); id == "RV005" && at > 0 {
			f.Col = r.line.Column(r.line.Fields[i], at)
			f.Fix = fixOf(*f, r.line)
		}
	}
}

// anchored reports whether a regular expression matches whole texts alone.
func anchored(s string) bool {
	if !strings.HasPrefix(s, "^") || !strings.HasSuffix(s, "$") {
		return strings.HasSuffix(s, ".*") && strings.HasPrefix(s, "^") && !strings.Contains(s, "|") || s == ".*"
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case '|':
			if depth == 0 {
				return false
			}
		}
	}
	return true
}

// lookAtRoles finds cycles of roles, chains that Casbin does not follow, and names that a user
// may have too.
func (c *casbinLinter) lookAtRoles() {
	for _, section := range slices.Sorted(func(yield func(string) bool) {
		for s := range c.links {
			if !yield(s) {
				return
			}
		}
	}) {
		links := c.links[section]
		next := map[string][]casbinLink{}
		for _, k := range links {
			next[k.member] = append(next[k.member], k)
		}
		depth, active := map[string]int{}, map[string]bool{}
		var visit func(name string) int
		visit = func(name string) int {
			if d, done := depth[name]; done {
				return d
			}
			active[name] = true
			deepest := 0
			for _, k := range next[name] {
				switch {
				case k.role == k.member:
					c.at("RV122", policy.SeverityWarning, &k.row, 2, "give users and roles prefixes, such as user: and role:", "%s has itself: a user and a role of one name are one", k.member)
				case active[k.role]:
					c.at("RV107", policy.SeverityWarning, &k.row, -1, "delete one of the rows of the cycle", "a role cycle: %s has %s, which has it already", k.member, k.role)
				default:
					d := visit(k.role) + 1
					if d == 11 {
						c.at("RV124", policy.SeverityWarning, &k.row, -1, "grant the role more directly", "a role chain of more than 10 links, which Casbin does not follow")
					}
					deepest = max(deepest, d)
				}
			}
			active[name] = false
			depth[name] = deepest
			return deepest
		}
		for _, k := range links {
			visit(k.member)
		}
		// A role that is granted, and that has its own name as a user: D22.
		if section == "g" && strings.Contains(strings.ReplaceAll(c.model.values["m"], " ", ""), "g(r.sub,p.sub") {
			for _, k := range links {
				if !strings.Contains(k.role, ":") {
					c.at("RV122", policy.SeverityNote, &k.row, 2, "give users and roles prefixes, such as user: and role:", "a user whose id is %s has the role of that name", k.role)
					break
				}
			}
		}
	}
}

// lookAtPlan says whether decisions need more than look-ups.
func (c *casbinLinter) lookAtPlan(model, rows string) {
	fsys := memory{"model.conf": model, "policy.csv": rows}
	ix, err := casbinindex.LoadFS(fsys, "model.conf", "policy.csv", casbinindex.Config{})
	if err != nil {
		return // functions of the service are not known here
	}
	if p := ix.Plan(); !p.IsIndexed() {
		c.atModel("RV125", policy.SeverityNote, "m", "write the matcher as comparisons that are all joined by &&", "%d of %d rules are evaluated one by one at each decision: %s", p.Scanned, p.Rules, strings.Join(p.Notes, "; "))
	}
}
