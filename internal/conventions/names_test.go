package conventions

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// privateWords are words that stand in no declared name, each with the field's word to use.
var privateWords = map[string]string{
	"aboard": "shared", "attend": "subscribe", "beat": "heartbeat", "beats": "heartbeats", "become": "convert, replace",
	"beginnings": "prefixes", "blame": "failing part", "bump": "advance", "deaf": "the fault itself", "ear": "subscriber",
	"ears": "subscribers", "flies": "calls", "flight": "call, read", "flights": "calls, reads", "fly": "call, read",
	"flying": "running", "heal": "probe, repair", "hear": "receive", "hears": "subscribers", "hub": "subscriptions",
	"inquiries": "queries", "inquiry": "query", "leash": "testproc", "loses": "drops", "met": "visited, synced",
	"need": "precondition, dependency", "noted": "recorded", "opinion": "answer", "opinions": "answers",
	"patience": "limit of the wait", "place": "slot, position, domain", "places": "slots, positions, domains",
	"question": "query, request", "questions": "queries, requests", "recall": "cached", "rider": "pending call",
	"riders": "pending calls", "settle": "resolve, wait", "settles": "resolves, waits", "shed": "refused, limited",
	"unlike": "nonce", "way": "path, variant", "ways": "paths, variants", "weigh": "combine", "who": "caller, subject, member",
	"whom": "caller, subject", "world": "fixture", "worlds": "fixtures",
}

// allowedNames have such a word for a reason.
var allowedNames = map[string]string{
	"Beat":          "the setting redis.beat of examples/service",
	"Question":      "impact's API",
	"Recall":        "the API of session.Manager and cachestore.Store",
	"Settle":        "the API of tenanttest and erasure",
	"Who":           "impact's API; in review a column of a signed document",
	"WhoCan":        "impact's API, and the command who-can of reeve",
	"whoCanCommand": "the command who-can of reeve",
	"GitHubActions": "the name of a product",
	"writeGitHub":   "the name of a product",
	"InFlight":      "the word of HTTP servers for requests that are being answered",
	"inFlight":      "the word of HTTP servers for requests that are being answered",
}

// testName matches names that are sentences.
var testName = regexp.MustCompile(`^(Test|Benchmark|Fuzz|Example)([A-Z_]|$)`)

// nameWord matches one word of a name in mixed caps.
var nameWord = regexp.MustCompile(`[A-Z]+(?:[^a-z]|$)|[A-Z]?[a-z0-9]+`)

// freeRelative matches sentences of a comment whose subject is no noun.
var freeRelative = regexp.MustCompile(`(?:^|[.!?] )(?:(?:Who|Whom|What|Whoever|Whatever) [a-z]|\w+ (?:is|are) what )[^.?]*`)

// gendered matches words for a user who may be anybody.
var gendered = regexp.MustCompile(`\b(?:[Hh]im|[Hh]is|[Hh]imself)\b`)

// TestNamesAreWordsOfTheField reads every declaration and comment of the repository.
func TestNamesAreWordsOfTheField(t *testing.T) {
	used, files := map[string]bool{}, 0
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		files++
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, problem := range privateIn(fset, f, used) {
			t.Error(strings.TrimPrefix(problem, root+string(filepath.Separator)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 1000 {
		t.Errorf("read %d files: the walk is broken", files)
	}
	for name := range allowedNames {
		if !used[name] {
			t.Errorf("%s is allowed and declared nowhere", name)
		}
	}
}

// privateIn returns the declared names and the comments of a file that use private words. It adds the
// allowed names to used.
func privateIn(fset *token.FileSet, f *ast.File, used map[string]bool) (problems []string) {
	if ast.IsGenerated(f) {
		return nil
	}
	for _, id := range declared(f) {
		for _, word := range nameWord.FindAllString(id.Name, -1) {
			instead, private := privateWords[strings.ToLower(word)]
			switch {
			case !private || testName.MatchString(id.Name):
			case allowedNames[id.Name] != "":
				used[id.Name] = true
			default:
				problems = append(problems, fmt.Sprintf("%s: %s: %q is a private word, use %s", fset.Position(id.Pos()), id.Name, word, instead))
			}
		}
	}
	for _, group := range f.Comments {
		text := strings.Join(strings.Fields(group.Text()), " ")
		for _, sentence := range freeRelative.FindAllString(text, -1) {
			problems = append(problems, fmt.Sprintf("%s: the subject of %q is no noun", fset.Position(group.Pos()), strings.TrimLeft(sentence, ".!? ")))
		}
		if word := gendered.FindString(text); word != "" {
			problems = append(problems, fmt.Sprintf("%s: %q: users are they", fset.Position(group.Pos()), word))
		}
	}
	return problems
}

// declared returns the identifiers that a file declares, also those of fields, parameters and
// statements.
func declared(f *ast.File) (ids []*ast.Ident) {
	add := func(list ...ast.Expr) {
		for _, x := range list {
			if id, ok := x.(*ast.Ident); ok {
				ids = append(ids, id)
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			ids = append(ids, n.Name)
		case *ast.TypeSpec:
			ids = append(ids, n.Name)
		case *ast.ValueSpec:
			ids = append(ids, n.Names...)
		case *ast.Field:
			ids = append(ids, n.Names...)
		case *ast.LabeledStmt:
			ids = append(ids, n.Label)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				add(n.Lhs...)
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				add(n.Key, n.Value)
			}
		}
		return true
	})
	return ids
}

// TestAPrivateWordIsFound plants one of each kind of declaration and comment.
func TestAPrivateWordIsFound(t *testing.T) {
	const text = `package planted

// newWorld is what tests begin with.
func newWorld(who string) (opinion bool) {
	for place := range who {
		flight := place
		_ = flight
	}
	return
}

// Flights of stairs are fine in comments. What is here is not.
type rider struct{ settleTime int }

var beatSource, fine = 1, 2

func TestWhoHearsAQuestion() {}

// A user has his name.
func fineToo() {}
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "planted.go", text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	problems := strings.Join(privateIn(fset, f, map[string]bool{}), "\n")
	for _, want := range []string{
		"4:6: newWorld", "4:15: who", "4:28: opinion", "5:6: place", "6:3: flight", "13:6: rider", "13:20: settleTime", "15:5: beatSource",
		`3:1: the subject of "newWorld is what tests begin with"`, `12:1: the subject of "What is here is not"`, `19:1: "his": users are they`,
	} {
		if !strings.Contains(problems, want) {
			t.Errorf("%s was not found in:\n%s", want, problems)
		}
	}
	if n := strings.Count(problems, "\n") + 1; n != 11 {
		t.Errorf("%d problems, want 11:\n%s", n, problems)
	}
}
