package policy

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"

	"github.com/reevehq/reeve/internal/policycsv"
	"github.com/reevehq/reeve/tenant"
)

// ceiling is the most that tenants' own files may grant, as ceiling.csv says it. Denials need none.
// A row of it covers what a rule of its values would allow.
type ceiling struct {
	rules []ceilingRule
	roles map[ceilingRole]bool
}

// ceilingRule is a p row of ceiling.csv.
type ceilingRule struct {
	subject, tenant, action string
	target                  target
}

// ceilingRole is a g row of ceiling.csv.
type ceilingRole struct{ role, tenant string }

// The values of the rows of ceiling.csv, for errors.
var (
	ceilingRuleValues = []string{"p", "who", "tenant", "object", "action"}
	ceilingRoleValues = []string{"g", "role", "tenant"}
	ceilingKeyValues  = []string{"key", "tenant", "public key"}
)

// readCeiling reads ceiling.csv. own are the tenants whose files are part of the bundle.
func readCeiling(content string, own map[tenant.ID]string, p *problems) *ceiling {
	c := &ceiling{roles: map[ceilingRole]bool{}}
	for r := range rowsOf(CeilingFile, content, p) {
		c.read(r, own, p)
	}
	return c
}

func (c *ceiling) read(r *policycsv.Line, own map[tenant.ID]string, p *problems) {
	f, before := r.Fields, len(p.list)
	bad := func(i, at int, why string) {
		p.add(CodeCeilingRow, CeilingFile, r.Number, r.Column(f[i], at), "%s", why)
	}
	values, fault := ceilingFault(f)
	switch {
	case values == nil:
		bad(0, 0, "unknown section "+quote(f[0].Text)+": rows begin with p, g or key")
		return
	case len(f) != len(values):
		bad(0, 0, count(len(f), "value")+", "+itoa(len(values))+" are needed: "+strings.Join(values, ", "))
		return
	}
	for i := 1; i < len(f); i++ {
		if at, why := fault(i); why != "" {
			bad(i, at, why)
		}
	}
	if len(p.list) > before {
		return
	}
	switch f[0].Text {
	case "p":
		goal, _ := parseTarget(f[3].Text)
		c.rules = append(c.rules, ceilingRule{f[1].Text, f[2].Text, f[4].Text, goal})
	case "g":
		c.roles[ceilingRole{f[1].Text, f[2].Text}] = true
	case "key":
		if id, _ := tenant.Parse(f[1].Text); own[id] != "" {
			bad(1, 0, "the tenant has a key, and a file of its own, "+own[id]+": keep one of the two")
		}
	}
}

// ceilingFault returns what the values of a row are, and a function that says what is wrong with
// each of them. The values are nil for an unknown section.
func ceilingFault(f []policycsv.Field) (values []string, fault func(i int) (at int, why string)) {
	switch f[0].Text {
	case "p":
		return ceilingRuleValues, func(i int) (int, string) { return ruleFault(f, i, tenant.ID{}) }
	case "g":
		return ceilingRoleValues, func(i int) (int, string) {
			if i == 1 {
				return grantFault([]policycsv.Field{f[0], f[0], f[1]}, 2, tenant.ID{})
			}
			return 0, checkTenant(f[i].Text, tenant.ID{})
		}
	case "key":
		return ceilingKeyValues, func(i int) (int, string) {
			if i == 2 {
				if parseKey(f[2].Text) == nil {
					return 0, "is no public key: write the 32 bytes of an Ed25519 key in base64"
				}
				return 0, ""
			}
			if f[1].Text == everything {
				return 0, "a key is for one tenant: name it"
			}
			return 0, checkTenant(f[1].Text, tenant.ID{})
		}
	}
	return nil, nil
}

// parseKey returns nil for what is no Ed25519 key in base64.
func parseKey(s string) ed25519.PublicKey {
	key, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil
	}
	return key
}

// TenantKeys returns the keys that ceiling.csv names, by tenant: a holder of one of them may
// publish that tenant's own file, and nothing else.
func (b *Bundle) TenantKeys() map[tenant.ID][]ed25519.PublicKey {
	keys := map[tenant.ID][]ed25519.PublicKey{}
	for r := range policycsv.Lines(b.ceiling) {
		if r.Kind != policycsv.Row || len(r.Faults) > 0 || len(r.Fields) != len(ceilingKeyValues) || r.Fields[0].Text != "key" {
			continue
		}
		id, err := tenant.Parse(r.Fields[1].Text)
		if key := parseKey(r.Fields[2].Text); err == nil && key != nil {
			keys[id] = append(keys[id], key)
		}
	}
	return keys
}

// ruleAbove says in what an allow rule of a tenant's file is above the ceiling: the place of the
// value for which no row is left, and why; 0 when a row covers it.
func (c *ceiling) ruleAbove(id tenant.ID, subject string, goal target, action string) (at int, why string) {
	furthest := 2
	for i := range c.rules {
		r := &c.rules[i]
		switch {
		case r.tenant != everything && r.tenant != id.String():
			continue
		case !r.target.covers(goal):
			furthest = max(furthest, 3)
		case r.action != everything && r.action != action:
			furthest = max(furthest, 4)
		case !coversSubject(r.subject, subject):
			furthest = 5
		default:
			return 0, ""
		}
	}
	const above = "above the ceiling: no row of " + CeilingFile + " lets the file of the tenant "
	switch furthest {
	case 5:
		return 1, above + id.String() + " allow this to " + subject
	case 4:
		return 4, above + id.String() + " allow " + quote(action) + " on this object"
	}
	return 3, above + id.String() + " allow anything on this object"
}

// roleAbove says why a role must not be granted by a tenant's file, "" when a row names it.
func (c *ceiling) roleAbove(id tenant.ID, role string) string {
	if c.roles[ceilingRole{role, everything}] || c.roles[ceilingRole{role, id.String()}] {
		return ""
	}
	return "above the ceiling: no row of " + CeilingFile + " lets the file of the tenant " + id.String() + " grant " + role
}

// coversSubject reports whether a rule for subject is for everybody that a rule for other is for,
// whatever roles they have.
func coversSubject(subject, other string) bool {
	return subject == other || subject == anyone || subject == authenticated && other != anyone
}

// covers reports whether t covers every object that u covers.
func (t target) covers(u target) bool {
	switch {
	case t.shape == coversAll:
		return true
	case t.typ != u.typ || u.shape == coversAll:
		return false
	case t.shape == coversType:
		return true // and u is of the type
	case t.shape == coversOne:
		return u.shape == coversOne && t.rest == u.rest
	}
	return (u.shape == coversOne || u.shape == coversPrefix) && strings.HasPrefix(u.rest, t.rest)
}
