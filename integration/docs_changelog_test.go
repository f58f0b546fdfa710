package integration_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryNameThatIsGoneIsInTheChangelog compares the names that were exported before the house was
// rebuilt, in testdata/names_before.txt, with those there are now. The first column of a table of the
// changelog has each that is gone; for a member that its type took along, the type is enough.
func TestEveryNameThatIsGoneIsInTheChangelog(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "names_before.txt"))
	if err != nil {
		t.Fatal(err)
	}
	told, _ := renames(t)
	gone := 0
	for line := range strings.Lines(string(data)) {
		names := strings.Fields(line)
		now, elsewhere := symbols(t, names[0]), aliases(t, names[0])
		for _, name := range names[1:] {
			typ, member, isMember := strings.Cut(name, ".")
			switch {
			case now[name] || elsewhere[typ]:
				continue
			case told[typ] && (!isMember || !now[typ]), isMember && told[member]:
			default:
				t.Errorf("%s.%s is gone, and CHANGELOG.md does not say what to write now", names[0], name)
			}
			gone++
		}
	}
	if gone < 200 {
		t.Errorf("%d names are gone: the comparison is broken", gone)
	}
	if told["Manager"] || told["Verify"] {
		t.Error("the changelog is believed to tell of names that stayed: the reader is broken")
	}
}

// TestTheChangelogNamesWhatThereIs: the names of what was stand in the first column of its tables, and
// nowhere else. Somebody who upgrades copies what the other column and the entries say.
func TestTheChangelogNamesWhatThereIs(t *testing.T) {
	_, rest := renames(t)
	found := 0
	for _, span := range codeSpan.FindAllStringSubmatch(rest, -1) {
		for _, m := range dotted.FindAllStringSubmatch(span[1], -1) {
			known, there := lookUp(t, m[1], m[2])
			if !known {
				continue
			}
			if found++; !there {
				t.Errorf("CHANGELOG.md: there is no %s, in %q", m[0], span[1])
			}
		}
	}
	if found < 300 {
		t.Errorf("found %d names", found)
	}
	for _, name := range [][2]string{{"session", "NoLimit"}, {"Manager", "Nothing"}, {"store", "Breaker"}} {
		if known, there := lookUp(t, name[0], name[1]); !known || there {
			t.Errorf("%s.%s is not seen to be gone", name[0], name[1])
		}
	}
}

var (
	dotted   = regexp.MustCompile(`\b([A-Za-z]\w*)\.([A-Z]\w*(?:\.[A-Z]\w*)?)`)
	anyName  = regexp.MustCompile(`[A-Z]\w*`)
	firstRow = regexp.MustCompile(`(?m)^\| (.*?) \|`)
)

// renames reads the changelog: the names in the first column of its tables, and the text without it.
func renames(t *testing.T) (told map[string]bool, rest string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	told = map[string]bool{}
	rest = firstRow.ReplaceAllStringFunc(string(text), func(column string) string {
		for _, span := range codeSpan.FindAllStringSubmatch(column, -1) {
			for _, name := range anyName.FindAllString(span[1], -1) {
				told[name] = true
			}
		}
		return "|"
	})
	return told, rest
}

// lookUp looks for the name of a package, of a type or of a variable that pages use, and says whether
// there is such a one, and whether it has the member. A type is known only if some package has it.
func lookUp(t *testing.T, of, name string) (known, there bool) {
	t.Helper()
	folders := libraries(t)
	if dir, is := folders[of]; is {
		return true, symbols(t, dir)[name]
	}
	if typ := variables[of]; typ != "" {
		of = typ
	}
	return isMember(t, folders, of, name)
}

// libraries are the folders of all packages that a service can import, by their names.
func libraries(t *testing.T) map[string]string {
	t.Helper()
	if len(librariesRead) > 0 {
		return librariesRead
	}
	for _, root := range []string{"authz", "middleware", "service", "session", "tenant"} {
		err := filepath.WalkDir(filepath.Join("..", root), func(p string, d os.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if d.Name() == "internal" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			dir, err := filepath.Rel("..", p)
			if dir = filepath.ToSlash(dir); symbols(t, dir) != nil {
				librariesRead[path.Base(dir)] = dir
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return librariesRead
}

var librariesRead = map[string]string{}

// aliases are the types of a package that stand for those of another, where their members are.
func aliases(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(dir), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range alias.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
	}
	return names
}

var alias = regexp.MustCompile(`(?m)^type ([A-Z]\w*) = `)
