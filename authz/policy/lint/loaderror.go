package lint

import (
	"fmt"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/policycsv"
)

// ruleOfCode says under which rule a mistake is filed for which a policy does not load.
var ruleOfCode = map[policy.Code]string{
	policy.CodeFileUnreadable: "RV007", policy.CodeFileMisplaced: "RV007", policy.CodeFolderTooLarge: "RV007",
	policy.CodeEncoding: "RV001", policy.CodeLineTooLong: "RV001", policy.CodeCSVSeparator: "RV001", policy.CodeCSVQuotes: "RV001",
	policy.CodeCSVSpace:   "RV006",
	policy.CodeRowSection: "RV003", policy.CodeRowLength: "RV002", policy.CodeRowEmpty: "RV002", policy.CodeRowDuplicate: "RV108",
	policy.CodeRuleSubject: "RV009", policy.CodeGrantSubject: "RV009", policy.CodeGrantRole: "RV009", policy.CodeGrantTime: "RV143",
	policy.CodeRuleTenant: "RV010", policy.CodeGrantTenant: "RV010",
	policy.CodeRuleObject: "RV011", policy.CodeRuleRoute: "RV011", policy.CodeRuleAction: "RV012",
	policy.CodeRuleCondition: "RV116", policy.CodeRuleFilter: "RV116", policy.CodeRuleEffect: "RV101",
	policy.CodeRoleCycle: "RV107", policy.CodeRoleChain: "RV124", policy.CodeRolesTooMany: "RV014",
	policy.CodeAttributeType: "RV013", policy.CodeAttributeName: "RV013", policy.CodeAttributeKind: "RV013",
	policy.CodeAttributeNullable: "RV013", policy.CodeAttributeColumn: "RV013", policy.CodeAttributeDuplicate: "RV013", policy.CodeAttributeRelation: "RV013",
	policy.CodeModelSyntax: "RV008", policy.CodeModelDefinition: "RV008", policy.CodeModelSection: "RV003",
	policy.CodePolicyEmpty: "RV014", policy.CodePolicyTooLarge: "RV014", policy.CodeTenantEmpty: "RV014",
	policy.CodeCeilingAbove: "RV144", policy.CodeCeilingRow: "RV145",
}

// loadErrors notes everything for which the policy does not load.
func (l *linter) loadErrors(err error) {
	list := errorsOf(err)
	if len(list) == 0 {
		l.add(Finding{Rule: ruleOf("RV007"), File: policy.PolicyFile, Message: err.Error(), Code: policy.CodeFileUnreadable})
	}
	causes := map[string]bool{} // files by which others are read, and that do not load
	for _, e := range list {
		causes[e.File] = true
	}
	follow := map[string]int{} // by the file that they follow from
	for _, e := range list {
		f := l.loadError(e)
		if cause := readBy[f.Rule.ID]; cause != e.File && causes[cause] {
			follow[cause]++
			continue
		}
		l.add(f)
	}
	for i := range l.found {
		f := &l.found[i]
		if n := follow[f.File]; n > 0 {
			f.Message += "; " + "left out is what may follow from this in other files: " + itoa(n)
			delete(follow, f.File)
		}
	}
}

// readBy says which file a mistake elsewhere may come from: what it does not declare is unknown.
var readBy = map[string]string{"RV117": policy.AttributesFile, "RV144": policy.CeilingFile}

func (l *linter) loadError(e *policy.Error) Finding {
	id := ruleOfCode[e.Code]
	if id == "" {
		id = "RV001"
	}
	f := Finding{File: e.File, Line: e.Line, Col: e.Col, Message: e.Msg, Code: e.Code, Severity: policy.SeverityError}
	line := l.line(e.File, e.Line)
	if line != nil {
		f.Source = line.Text
		f.EndCol = wordEnd(line.Text, e.Col)
		id = l.narrower(id, e, line)
	}
	f.Rule = ruleOf(id)
	if line != nil {
		f.Fix = fixOf(f, line)
	}
	return f
}

// line returns a line of a file, nil when there is none.
func (l *linter) line(file string, n int) *policycsv.Line {
	if _, there := l.bundle.Content(file); !there || n < 1 {
		return nil
	}
	lines := l.file(file).Lines()
	if n > len(lines) {
		return nil
	}
	return &lines[n-1]
}

// narrower returns the rule that says more than the one of the code alone.
func (l *linter) narrower(id string, e *policy.Error, line *policycsv.Line) string {
	value := fieldAt(line, e.Col)
	switch {
	case e.Code != policy.CodeRowSection && strings.Contains(e.Msg, "a comment stands on a line of its own"):
		return "RV005"
	case id == "RV001" && strings.HasPrefix(e.Msg, "a byte order mark"):
		return "RV004"
	case id == "RV101" && (strings.EqualFold(value, "allow") || strings.EqualFold(value, "deny")):
		return "RV102"
	case id == "RV012" && value != "" && value != strings.ToUpper(value) && policy.IsMethod(strings.ToUpper(value)) && len(line.Fields) > atObject && targetOf(line.Fields[atObject].Text).route:
		return "RV103"
	case id == "RV116" && strings.HasPrefix(e.Msg, "unknown attribute"):
		return "RV117"
	}
	return id
}

// fieldAt returns the value that stands at a column.
func fieldAt(line *policycsv.Line, col int) string {
	if i := indexAt(line, col); i >= 0 {
		return line.Fields[i].Text
	}
	return ""
}

func indexAt(line *policycsv.Line, col int) int {
	for i := len(line.Fields) - 1; i >= 0; i-- {
		if line.Fields[i].Col <= col {
			return i
		}
	}
	return -1
}

// wordEnd returns the column behind the word that stands at a column.
func wordEnd(text string, col int) int {
	if col < 1 || col > len(text) {
		return col
	}
	n := strings.IndexAny(text[col-1:], ", \t")
	switch {
	case n < 0:
		return len(text) + 1
	case n == 0:
		return col + 1
	}
	return col + n
}

// Fix is a mend that changes nothing but what the finding is about: a line, in place of which
// others stand, or none.
type Fix struct {
	What string // "write allow"
	File string
	Line int
	Old  string // the line, without its end
	New  []string
}

// fixOf returns a safe mend of what a policy does not load for, nil for none.
func fixOf(f Finding, line *policycsv.Line) *Fix {
	fix := &Fix{File: f.File, Line: f.Line, Old: line.Text}
	switch f.Rule.ID {
	case "RV004":
		fix.What, fix.New = "delete the mark", []string{strings.TrimPrefix(line.Text, "\ufeff")}
		return fix
	case "RV108":
		fix.What = "delete the second"
		return fix
	case "RV006":
		fix.What, fix.New = "delete the spaces", []string{trimmed(line)}
	case "RV005":
		at := f.Col - 1
		if at < 0 || at > len(line.Text) {
			return nil
		}
		remark := strings.TrimLeft(line.Text[at:], "#/- \t")
		indent := line.Text[:len(line.Text)-len(strings.TrimLeft(line.Text, " \t"))]
		rest := strings.TrimRight(line.Text[:at], " \t,")
		if remark == "" || strings.Count(rest, `"`)%2 != 0 {
			return nil
		}
		fix.What, fix.New = "put the comment on its own line", []string{indent + "# " + strings.TrimRight(remark, " \t"), rest}
	case "RV102":
		return setField(fix, line, indexAt(line, f.Col), strings.ToLower)
	case "RV103":
		return setField(fix, line, indexAt(line, f.Col), strings.ToUpper)
	case "RV003":
		if value := fieldAt(line, f.Col); value == "P" || value == "G" {
			return setField(fix, line, 0, strings.ToLower)
		}
		return nil
	case "RV002":
		return fixCount(fix, f, line)
	default:
		return nil
	}
	if last := fix.New[len(fix.New)-1]; last == line.Text || !reads(last) {
		return nil
	}
	return fix
}

func setField(fix *Fix, line *policycsv.Line, i int, change func(string) string) *Fix {
	if i < 0 {
		return nil
	}
	file := policycsv.Parse(line.Text)
	value := change(line.Fields[i].Text)
	if err := file.SetField(1, i, value); err != nil {
		return nil
	}
	fix.What, fix.New = "write "+value, []string{file.String()}
	return fix
}

// fixCount mends a row of too many values, where it is clear why.
func fixCount(fix *Fix, f Finding, line *policycsv.Line) *Fix {
	switch {
	case strings.Contains(f.Message, "remove the commas after"):
		fix.What, fix.New = "remove the commas", []string{strings.TrimRight(line.Text, ", \t")}
	case strings.Contains(f.Message, "the condition holds a comma: put it in double quotes") && len(line.Fields) > 7:
		from := line.Fields[atCondition].Col - 1
		to := line.Comma(len(line.Fields)-1) - 1
		if from < 0 || to < from || strings.Contains(line.Text, `"`) {
			return nil
		}
		fix.What, fix.New = "put the condition in double quotes", []string{line.Text[:from] + `"` + strings.TrimRight(line.Text[from:to], " \t") + `"` + line.Text[to:]}
	default:
		return nil
	}
	if !reads(fix.New[0]) {
		return nil
	}
	return fix
}

// trimmed returns a row without the spaces that end its values.
func trimmed(line *policycsv.Line) string {
	text := strings.TrimRight(line.Text, " \t")
	if strings.Contains(text, `"`) {
		return text
	}
	values := strings.Split(text, ",")
	for i, v := range values {
		values[i] = strings.TrimRight(v, " \t")
		if i > 0 && values[i] == "" {
			values[i] = v
		}
	}
	return strings.Join(values, ",")
}

// reads reports whether a text is one row without a fault.
func reads(text string) bool {
	for l := range policycsv.Lines(text) {
		return l.Kind == policycsv.Row && len(l.Faults) == 0
	}
	return false
}

// Apply applies fixes to files, by name, and returns the names of those that changed. A fix whose
// line is not as it was is left out, and so is a second fix of one line: look again, and apply
// what is left.
func Apply(files map[string]string, findings []Finding) (changed map[string]string, err error) {
	changed = map[string]string{}
	byFile := map[string]map[int]*Fix{}
	for _, f := range findings {
		if f.Fix == nil {
			continue
		}
		if byFile[f.Fix.File] == nil {
			byFile[f.Fix.File] = map[int]*Fix{}
		}
		if byFile[f.Fix.File][f.Fix.Line] == nil {
			byFile[f.Fix.File][f.Fix.Line] = f.Fix
		}
	}
	for name, fixes := range byFile {
		content, there := files[name]
		if !there {
			return nil, fmt.Errorf("lint: no file %s", name)
		}
		file := policycsv.Parse(content)
		for n := len(file.Lines()); n > 0; n-- {
			fix := fixes[n]
			if fix == nil || file.Lines()[n-1].Text != fix.Old {
				continue
			}
			if err := fix.apply(file); err != nil {
				return nil, fmt.Errorf("lint: %s:%d: %w", name, n, err)
			}
		}
		if out := file.String(); out != content {
			changed[name] = out
		}
	}
	return changed, nil
}

func (f *Fix) apply(file *policycsv.File) error {
	if len(f.New) == 0 {
		return file.Delete(f.Line)
	}
	if err := file.SetText(f.Line, f.New[len(f.New)-1]); err != nil {
		return err
	}
	for i := len(f.New) - 2; i >= 0; i-- {
		if err := file.InsertText(f.Line, f.New[i]); err != nil {
			return err
		}
	}
	return nil
}
