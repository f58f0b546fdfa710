package impact

import (
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// lines are lines of the files of a policy.
type lines map[string][]bool // by file, then by number from 1

func (l lines) has(file string, number int) bool {
	of := l[file]
	return number < len(of) && of[number]
}

// ahead is how many lines are looked at to find where two files go on alike.
const ahead = 16

// commonLines returns lines that two policies have in the same files, each of one of them: such a
// line holds the same row of both. It need not find all of them.
func commonLines(old, new *policy.Bundle) (common [2]lines) {
	common = [2]lines{{}, {}}
	for _, name := range old.Files() {
		if name == policy.ModelFile || name == policy.AttributesFile || name == policy.CeilingFile {
			continue
		}
		a, _ := old.Content(name)
		b, there := new.Content(name)
		if there {
			common[0][name], common[1][name] = compareLines(strings.Split(a, "\n"), strings.Split(b, "\n"))
		}
	}
	return common
}

func compareLines(a, b []string) (inA, inB []bool) {
	inA, inB = make([]bool, len(a)+1), make([]bool, len(b)+1)
	for i, j := 0, 0; i < len(a) && j < len(b); {
		if a[i] == b[j] {
			inA[i+1], inB[j+1] = true, true
			i, j = i+1, j+1
			continue
		}
		d, e := 1, 1
		for n := 1; n <= ahead; n++ {
			if i+n < len(a) && j+n < len(b) && a[i+n] == b[j+n] {
				d, e = n, n
				break
			}
			if i+n < len(a) && a[i+n] == b[j] {
				d, e = n, 0
				break
			}
			if j+n < len(b) && a[i] == b[j+n] {
				d, e = 0, n
				break
			}
		}
		i, j = i+d, j+e
	}
	return inA, inB
}
