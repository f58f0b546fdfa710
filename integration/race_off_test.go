//go:build !race

package integration_test

// raceFlag has programs that tests build share what the build of the tests has left.
var raceFlag []string
