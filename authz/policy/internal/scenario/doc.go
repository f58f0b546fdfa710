// Package scenario has tests alone: published scenarios of other policy systems, told as policies
// of ours and asked decision by decision. Those of Cedar, OpenFGA and AuthZEN are read from the
// folder REEVE_VECTORS, or from shared/vectors beside the repository, and are skipped without it;
// the policies are ours, in testdata or made from a model by a rule that the test shows.
package scenario
