// Command reeve is for the people who edit policy files: it finds mistakes, runs tables of
// requests, and says who may do what and why. Operators publish policies by it, and look at
// instances, sessions, tenants and databases.
//
//	reeve lint policies
//	reeve can user:alice acme update invoice:1 --role editor --attr owner=alice
//	reeve publish policies --name billing
//	reeve help lint
package main

import (
	"io"
	"os"
	"runtime/debug"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // it runs for a second and ends
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv))
}

// run is main without the process: it returns the exit code.
func run(args []string, in io.Reader, out, diagnostics io.Writer, env func(string) string) int {
	return newApp(in, out, diagnostics, env).run(args)
}
