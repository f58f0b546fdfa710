package lint

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// lookAtFiles finds files that seem to be part of the policy by their names, and are not read: such as
// policy.csv.txt, of which Windows shows policy.csv.
func (l *linter) lookAtFiles() {
	if l.fsys == nil {
		return
	}
	for _, dir := range []string{".", policy.TenantsFolder} {
		entries, _ := fs.ReadDir(l.fsys, dir) // loading says what is wrong
		for _, e := range entries {
			if why := unread(e.Name()); why != "" && !e.IsDir() {
				l.add(Finding{Rule: ruleOf("RV007"), Severity: policy.SeverityWarning, File: path.Join(dir, e.Name()), Message: "the file is not read: " + why, Help: "name it as the policy's files are named, or delete it"})
			}
		}
	}
}

// unread says why a file of a name is not read, "" for what seems to be none of the policy's.
func unread(name string) string {
	lower := strings.ToLower(name)
	ext := path.Ext(lower)
	stem := strings.TrimSuffix(lower, ext)
	switch {
	case ext == ".txt" && (strings.HasSuffix(stem, ".csv") || strings.HasSuffix(stem, ".conf")):
		return "its name ends in .txt, which Windows may hide"
	case ext == ".rej" && strings.HasSuffix(stem, ".csv"):
		return "it has the rows that a patch could not change"
	case slices.Contains([]string{"", ".txt", ".tsv"}, ext) && slices.Contains([]string{"policy", "attributes", "ceiling"}, stem):
		return "rows are read of " + stem + ".csv"
	}
	return ""
}
