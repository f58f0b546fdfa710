package integration_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// knownProblem is a problem that the library answers.
type knownProblem struct {
	name, typ, title string
	status           int
}

// statuses are the names that the table of answers uses.
var statuses = map[string]int{
	"StatusBadRequest": 400, "StatusUnauthorized": 401, "StatusForbidden": 403, "StatusNotFound": 404,
	"StatusConflict": 409, "StatusInternalServerError": 500, "StatusServiceUnavailable": 503,
}

var problemRow = regexp.MustCompile(`(\w+)\s+= Problem\{Status: http\.(\w+), Type: "([^"]+)", Title: "([^"]+)"`)

// problems reads the problems out of the source of the one table that there is.
func problems(t testing.TB) []knownProblem {
	t.Helper()
	var found []knownProblem
	for _, m := range problemRow.FindAllStringSubmatch(problemSource(t), -1) {
		status := statuses[m[2]]
		if status == 0 {
			t.Errorf("no number is known of http.%s", m[2])
		}
		found = append(found, knownProblem{m[1], m[3], m[4], status})
	}
	if len(found) < 15 {
		t.Fatalf("found %d problems: middleware/problem.go is read wrongly", len(found))
	}
	return found
}

func problemSource(t testing.TB) string {
	t.Helper()
	source, err := os.ReadFile("../middleware/problem.go")
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// TestTheErrorsPageListsEveryProblem compares docs/errors.md with the table of answers.
func TestTheErrorsPageListsEveryProblem(t *testing.T) {
	_, rest, _ := strings.Cut(pageOf(t, "docs/errors.md").text, "## What is answered")
	table, _, _ := strings.Cut(rest, "\n## ")
	var listed, want []string
	for _, m := range regexp.MustCompile("(?m)^\\| (\\d+) \\| `([^`]+)` \\|").FindAllStringSubmatch(table, -1) {
		listed = append(listed, m[1]+" "+m[2])
	}
	for _, p := range problems(t) {
		want = append(want, strconv.Itoa(p.status)+" "+p.typ)
	}
	slices.Sort(listed)
	slices.Sort(want)
	if !slices.Equal(listed, want) {
		t.Errorf("the page lists\n%s\nand the library answers\n%s", strings.Join(listed, "\n"), strings.Join(want, "\n"))
	}
}

// TestTheErrorsPageListsEveryError compares the second table with that of the source: each error
// of it stands in a row with the status and the kind that the library answers.
func TestTheErrorsPageListsEveryError(t *testing.T) {
	known := map[string]knownProblem{}
	for _, p := range problems(t) {
		known[p.name] = p
	}
	rows := pageOf(t, "docs/errors.md").text
	errors := regexp.MustCompile(`(?m)^\t\{((?:\w+\.)?Err\w+), (\w+)\},$`).FindAllStringSubmatch(problemSource(t), -1)
	if len(errors) < 30 {
		t.Fatalf("found %d errors: middleware/problem.go is read wrongly", len(errors))
	}
	for _, m := range errors {
		name, p := m[1], known[m[2]]
		if !strings.Contains(name, ".") {
			name = "middleware." + name
		}
		i := strings.Index(rows, "`"+name+"`")
		if i < 0 {
			t.Errorf("the page has no %s", name)
			continue
		}
		row := rows[strings.LastIndex(rows[:i], "\n")+1:]
		row, _, _ = strings.Cut(row, "\n")
		cells := strings.Split(row, "|")
		kind := strings.TrimPrefix(p.typ, "/problems/")
		if len(cells) != 4 || !strings.Contains(cells[2], strconv.Itoa(p.status)) || strings.Contains(cells[2], "`") && !strings.Contains(cells[2], "`"+kind+"`") {
			t.Errorf("%s is answered %d %s, and the page says %s", name, p.status, kind, row)
		}
	}
}
