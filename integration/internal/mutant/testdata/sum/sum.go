// Package sum is what the tests of mutant change.
package sum

// Sum adds numbers that are not negative.
func Sum(numbers ...int) int {
	sum := 0
	for _, n := range numbers {
		if n < 0 {
			continue
		}
		sum += n
	}
	return sum
}
