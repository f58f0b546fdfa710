// Package numbers reads lists of numbers from flags.
package numbers

import (
	"fmt"
	"strconv"
	"strings"
)

// Parse reads numbers of 1 or more with commas between them.
func Parse(list string) ([]int, error) {
	var all []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is not a number of 1 or more", text)
		}
		all = append(all, n)
	}
	return all, nil
}
