package integration_test

import "os"

// soak says whether the long proofs run, with their strict limits.
func soak() bool { return os.Getenv("REEVE_SOAK") != "" }
