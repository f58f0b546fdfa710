package policy_test

import "testing"

// The client's address equals no network, and no address in another form than its own: a deny
// rule that asks for one would be in force for nobody.
func TestAConditionThatNoAddressMeetsIsRefused(t *testing.T) {
	row := func(cond string) string { return `p, role:a, *, doc, read, "` + cond + `", deny` }
	for _, s := range []slip{
		{"a network", row("r.env.ip == '10.0.0.0/8'"), []string{"1:39: r.env.ip is one address and no network: write ipMatch(r.env.ip, '10.0.0.0/8')"}},
		{"on the left", row("'10.0.0.0/8' != r.env.ip"), []string{"1:27: r.env.ip is one address and no network: write ipMatch(r.env.ip, '10.0.0.0/8')"}},
		{"in a list", row("r.env.ip in ('192.0.2.1', '10.0.0.0/8')"), []string{"1:53: r.env.ip is one address and no network: write ipMatch(r.env.ip, '10.0.0.0/8')"}},
		{"capitals", row("r.env.ip == '2001:DB8::1'"), []string{"1:39: r.env.ip never has this form: write '2001:db8::1'"}},
		{"a long form", row("r.env.ip == '2001:db8:0:0::1'"), []string{"1:39: r.env.ip never has this form: write '2001:db8::1'"}},
		{"IPv4 in IPv6", row("r.env.ip == '::ffff:192.0.2.1'"), []string{"1:39: r.env.ip never has this form: write '192.0.2.1'"}},
		{"a pattern", row("r.env.ip == '10.*'"), []string{"1:39: r.env.ip is one address and no network: write ipMatch(r.env.ip, '192.0.2.0/24')"}},
		{"bits beyond its length", row("r.env.ip == '10.1.2.3/8'"), []string{"1:39: r.env.ip is one address and no network: write ipMatch(r.env.ip, '10.0.0.0/8')"}},
	} {
		t.Run(s.name, s.hold)
	}
	for _, cond := range []string{"r.env.ip == '192.0.2.1'", "r.env.ip != '2001:db8::1'", "r.env.ip in ('192.0.2.1', '::1')", "r.env.ip == r.sub.dept", "r.env.ip < '2'"} {
		mustLoad(t, folder(map[string]string{"policy.csv": row(cond), "attributes.csv": testAttributes}))
	}
}
