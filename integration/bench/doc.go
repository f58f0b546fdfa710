// Package bench puts Reeve beside what a service would use instead, in one run on one
// machine: absolute figures move with the machine, ratios stay. "make bench" prints them.
//
// Each comparison reports the peer's cost as a multiple of Reeve's in the metric "×reeve".
//
// It is a module of its own, for what it compares with. The heavy ones, OPA above all, are
// compiled with the tag rivals alone.
//
//	chains     the whole HTTP path, beside what a service would put together
//	decisions  decisions on workloads of others, beside Casbin, cedar-go and OPA
//	stores     sessions in Redis, beside scs and gorilla's stores
//	growth     what grows with rules, tenants, sessions, connections and cores
package bench
