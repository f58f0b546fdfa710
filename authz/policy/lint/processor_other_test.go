//go:build !unix

package lint_test

import "time"

var began = time.Now()

// processor returns how long this process has run: more than it has had a processor.
func processor() time.Duration { return time.Since(began) }
