package policy_test

import "os"

// soaking reports whether the long proofs run.
func soaking() bool { return os.Getenv("REEVE_SOAK") == "1" }
