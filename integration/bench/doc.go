// Package bench puts Reeve beside what a service would use instead, in one run on one
// machine: absolute figures move with the machine, ratios stay. "make bench" prints them.
//
// Each comparison reports the peer's cost as a multiple of Reeve's in the metric "×reeve".
package bench
