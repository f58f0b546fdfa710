package casbinindex_test

import "github.com/reevehq/reeve/authz/policy/casbinindex"

// option is one entry of a Config, for tables in which most rows have one.
type option func(*casbinindex.Config)

// config puts options together.
func config(options ...option) (cfg casbinindex.Config) {
	cfg.Functions = map[string]func(...any) (any, error){}
	cfg.Matching = map[string]func(string, string) bool{}
	cfg.DomainMatching = map[string]func(string, string) bool{}
	for _, o := range options {
		o(&cfg)
	}
	return cfg
}

func function(name string, fn func(...any) (any, error)) option {
	return func(c *casbinindex.Config) { c.Functions[name] = fn }
}

func matching(section string, fn func(string, string) bool) option {
	return func(c *casbinindex.Config) { c.Matching[section] = fn }
}

func domainMatching(section string, fn func(string, string) bool) option {
	return func(c *casbinindex.Config) { c.DomainMatching[section] = fn }
}
