package condition

import (
	"regexp"
	"strconv"
	"strings"
)

// grouped is a number whose digits are in groups, and scientific one that has a power of ten, as
// spreadsheets write it.
var (
	grouped    = regexp.MustCompile(`^[0-9]{1,3}(_[0-9]{3})+\b`)
	scientific = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?[eE]\+?[0-9]{1,2}\b`)
)

// spelledOut returns a number at the beginning of a text in digits alone, "" where there is none.
func spelledOut(text string) string {
	if word := grouped.FindString(text); word != "" {
		return strings.ReplaceAll(word, "_", "")
	}
	number, err := strconv.ParseFloat(scientific.FindString(text), 64)
	if err != nil || number >= MaxInt || number != float64(int64(number)) {
		return ""
	}
	return strconv.FormatInt(int64(number), 10)
}
