package policy_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
)

// at is an engine whose clock stands.
func at(t *testing.T, when string, rows ...string) *policy.Engine {
	t.Helper()
	now, err := time.Parse(time.RFC3339, when)
	if err != nil {
		t.Fatal(err)
	}
	e, err := policy.Load(folder(map[string]string{"policy.csv": strings.Join(rows, "\n")}), policy.Options{Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestTheTimeIsTheEnginesClockInUTC(t *testing.T) {
	for when, want := range map[string]string{
		"2026-11-22T22:10:00Z":      "r.env.time == '2026-11-22T22:10:00Z' && r.env.hour == 22 && r.env.weekday == 7",
		"2026-11-23T00:00:00+02:00": "r.env.time == '2026-11-22T22:00:00Z' && r.env.hour == 22 && r.env.weekday == 7",
		"2026-11-23T00:00:00Z":      "r.env.hour == 0 && r.env.weekday == 1 && r.env.time > '2026-11-22T23:59:59Z'",
		"1970-01-01T00:00:00Z":      "r.env.time == 0 && r.env.hour == 0 && r.env.weekday == 4",
		"1969-12-31T23:59:59Z":      "r.env.time == -1 && r.env.hour == 23 && r.env.weekday == 3",
		"1969-12-22T00:00:00Z":      "r.env.hour == 0 && r.env.weekday == 1 && r.env.time < '1970-01-01T00:00:00Z'",
		"2024-02-29T12:30:00Z":      "r.env.time >= '2024-02-29T12:30:00Z' && r.env.time < '2024-02-29T12:30:01Z' && r.env.hour == 12 && r.env.weekday == 4",
	} {
		e := at(t, when, "p, role:anyone, *, doc, read, "+want+", allow", "p, role:anyone, *, doc, write, !("+want+"), allow")
		if !allows(t, e, asks("", "read", doc("1"))) || allows(t, e, asks("", "write", doc("1"))) {
			t.Errorf("at %s it is not so that %s", when, want)
		}
	}
}

func TestARequestsOwnTimeIsTheTimeOfTheDecision(t *testing.T) {
	e := at(t, "2026-11-22T22:10:00Z",
		"p, role:anyone, *, doc, read, r.env.time == 1 && r.env.hour == 0 && r.env.weekday == 4, allow",
		"p, role:anyone, *, doc, hour, r.env.hour == 5 && r.env.weekday == 7, allow",
		"p, role:anyone, *, doc, free, true, allow",
		"p, role:anyone, *, doc, free, r.env.hour > 30, deny",
	)
	ask := func(action policy.Action, env policy.Values) bool {
		r := asks("", action, doc("1"))
		r.Env = env
		return permits(t, e, r)
	}
	if !ask("read", policy.Values{"time": int64(1)}) {
		t.Error("hour and weekday do not follow the request's time")
	}
	if !ask("hour", policy.Values{"hour": 5}) {
		t.Error("the request's hour does not count, or takes the weekday with it")
	}
	if !ask("free", nil) {
		t.Error("a deny whose condition is false matches")
	}
	// A time that is no number is unknown, and the clock does not stand in for it.
	if ask("hour", policy.Values{"time": "now"}) || ask("free", policy.Values{"time": nil}) {
		t.Error("a broken time is replaced")
	}
}

func TestOneDecisionAsksTheClockOnce(t *testing.T) {
	asked := 0
	clock := func() time.Time {
		asked++
		return time.Unix(int64(asked), 0)
	}
	timed := "p, role:anyone, *, doc, read, r.env.time == r.env.time && r.env.time < r.env.time || r.env.time > r.env.time, allow"
	for rows, want := range map[string]int{timed: 1, fine: 0, "p, role:anyone, *, doc, read, \"ipMatch(r.env.ip, '::1') && r.env.mfa\", allow": 0} {
		e, err := policy.Load(folder(map[string]string{"policy.csv": rows}), policy.Options{Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		asked = 0
		if allows(t, e, asks("", "read", doc("1"))) || asked != want {
			t.Errorf("%s: the clock was asked %d times", rows, asked)
		}
	}
}

func TestANetworkHoldsItsAddressesAndNothingElse(t *testing.T) {
	in := func(network string) *policy.Engine {
		return mustLoad(t, folder(map[string]string{"policy.csv": "p, role:anyone, *, doc, read, \"ipMatch(r.env.ip, '" + network + "')\", allow\n" +
			"p, role:anyone, *, doc, write, true, allow\np, role:anyone, *, doc, write, \"ipMatch(r.env.ip, '" + network + "')\", deny"}))
	}
	for network, addresses := range map[string]map[string]string{
		"10.0.0.0/8":    {"10.1.2.3": "true", "::ffff:10.1.2.3": "true", "11.0.0.1": "false", "2001:db8::1": "false"},
		"10.1.2.3":      {"10.1.2.3": "true", "10.1.2.4": "false"},
		"2001:db8::/32": {"2001:db8::1": "true", "2001:DB8:0::1": "true", "2001:db9::1": "false", "10.1.2.3": "false"},
		"0.0.0.0/0":     {"10.1.2.3": "true", "::1": "false"},
		"::/0":          {"::1": "true", "10.1.2.3": "false", "::ffff:10.1.2.3": "false"},
		"::1":           {"::1": "true", "fe80::1%eth0": "unknown", "10.1.2.3 ": "unknown", "010.1.2.3": "unknown", "10.1.2.3:80": "unknown", "": "unknown", "10.1": "unknown", "[::1]": "unknown"},
	} {
		e := in(network)
		for address, want := range addresses {
			r := asks("", "read", doc("1"))
			r.Env = policy.Values{"ip": address}
			w := r
			w.Action = "write"
			if allows(t, e, r) != (want == "true") || allows(t, e, w) != (want == "false") {
				t.Errorf("%q in %s is not %s", address, network, want)
			}
			if got := casbinSays(casbinExpression(t, "ipMatch(r.env.ip, '"+network+"')"), r); got != want {
				t.Errorf("%q in %s: Casbin says %s", address, network, got)
			}
		}
		if allows(t, e, asks("", "read", doc("1"))) || allows(t, e, asks("", "write", doc("1"))) {
			t.Error("no address is an address")
		}
	}
}

func TestTheEnvironmentIsCheckedAtLoad(t *testing.T) {
	for condition, want := range map[string]string{
		`ipMatch(r.env.ip, '10.1.2.3/8')`:            `18: "10.1.2.3/8" has bits beyond its length: write 10.0.0.0/8`,
		`ipMatch(r.env.ip, '10.0.0.0/33')`:           `18: "10.0.0.0/33" is neither a network`,
		`ipMatch(r.env.ip, 'fe80::1%eth0')`:          `18: "fe80::1%eth0" is neither`,
		`ipMatch(r.env.ip, '::ffff:10.0.0.0/104')`:   `18: "::ffff:10.0.0.0/104": write an IPv4 network`,
		`ipMatch(r.env.ip, 'office')`:                `18: "office" is neither`,
		`ipMatch(r.env.ip, r.sub.id)`:                `18: the network is a constant text`,
		`ipMatch(r.env.ip, 10)`:                      `18: the network is a constant text`,
		`ipMatch('10.0.0.1', '10.0.0.0/8')`:          `8: the address is an attribute and stands first, as in ipMatch(r.env.ip, '10.0.0.0/8')`,
		`ipMatch(r.env.mfa, '10.0.0.0/8')`:           `8: the address is an attribute of kind string, not bool`,
		`ipMatch(r.env.ip)`:                          `16: a comma is missing before )`,
		`ipMatch(r.env.ip, '::1', '::2')`:            `23: a ) is missing before ,`,
		`ipMatch(r.env.ip, '::1') == true`:           `25: unexpected ==`,
		`!ipMatch(r.env.ip, '::1')`:                  `1: ! stands before an attribute of kind bool or before parentheses`,
		`ipmatch(r.env.ip, '::1')`:                   `0: "ipmatch": functions and methods cannot be called, but for ipMatch`,
		`regexMatch(r.env.ip, '.*')`:                 `0: "regexMatch": functions and methods cannot be called`,
		`r.env.ip == 5`:                              `9: string and number cannot be compared`,
		`r.env.mfa == 'yes'`:                         `10: bool and string cannot be compared`,
		`r.env.time > '2026-11-22'`:                  `11: int and string cannot be compared`,
		`r.env.time > '2026-11-22T22:00:00.5+01:00'`: `11: int and string cannot be compared`,
		`r.env.time > '2026-02-30T22:00:00Z'`:        `11: int and string cannot be compared`,
		`r.sub.id == '2026-11-22T22:00:00Z'`:         `9: string and time cannot be compared`,
		`r.env.time in ('2026-11-22T22:00:00Z', 1)`:  `15: a list holds no times`,
		`'2026-11-22T22:00:00Z' > 5`:                 `23: both sides are constants`,
		`r.env.clock > 5`:                            `0: unknown attribute r.env.clock: those of env are actor, hour, ip, mfa, time, weekday`,
	} {
		_, at, why := policy.CompileCondition(condition, "doc", "")
		if got := strconv.Itoa(at) + ": " + why; !strings.HasPrefix(got, want) || why == "" {
			t.Errorf("%s\ngot  %s\nwant %s", condition, got, want)
		}
	}
	if got := refusedFiles(t, map[string]string{"policy.csv": fine, "attributes.csv": "env, hour, string, no,"}); !strings.HasPrefix(got[0], "attributes.csv:1:12: r.env.hour is built in and of kind int") {
		t.Error(got)
	}
	mustLoad(t, folder(map[string]string{"policy.csv": fine, "attributes.csv": "env, hour, int, no,\nsub, time, string, no,"}))
}

// A deny of those who act as others hits nobody else, and does not depend on who says so: a request
// that names no actor has none. An actor that is no text is unknown, and denies.
func TestTheActorIsATextThatIsNeverMissing(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"policy.csv": `
p, role:authenticated, *, doc, read,   true,                  allow
p, role:authenticated, *, doc, delete, true,                  allow
p, role:authenticated, *, doc, delete, r.env.actor != '',     deny
p, role:authenticated, *, doc, own,    r.env.actor == '',     allow
p, role:authenticated, *, doc, act,    r.env.actor == 'root', allow
p, role:authenticated, *, doc, self,   r.env.actor == r.sub.id, allow
`}))
	for name, row := range map[string]struct {
		env  policy.AttributeSource
		want string
	}{
		"no environment":   {nil, "read delete own"},
		"no actor":         {policy.Values{"mfa": true}, "read delete own"},
		"nobody":           {policy.Values{"actor": ""}, "read delete own"},
		"somebody":         {policy.Values{"actor": "root"}, "read act"},
		"somebody else":    {policy.Values{"actor": "boss"}, "read"},
		"of the same name": {policy.Values{"actor": "alice"}, "read self"},
		"nil":              {policy.Values{"actor": nil}, "read"},
	} {
		var got []string
		for _, action := range []policy.Action{"read", "delete", "own", "act", "self"} {
			r := asks("alice", action, doc("1"))
			r.Env = row.env
			if allows(t, e, r) {
				got = append(got, string(action))
			}
			x, err := e.Explain(t.Context(), r)
			if err != nil || x.Decision.Allowed() != allows(t, e, r) {
				t.Errorf("%s, %s: Explain says %v, %v", name, action, x.Decision.Effect, err)
			}
		}
		if got := strings.Join(got, " "); got != row.want {
			t.Errorf("%s: may %s, want %s", name, got, row.want)
		}
	}
}

func TestTheEnvironmentIsDecidedByWithoutAllocating(t *testing.T) {
	e := at(t, "2026-11-22T22:10:00Z", "p, role:anyone, *, doc, read, \"r.env.time > '2026-01-01T00:00:00Z' && r.env.weekday in (6, 7) && ipMatch(r.env.ip, '10.0.0.0/8') && r.env.mfa && r.env.actor != 'bob'\", allow")
	r := asks("", "read", doc("1"))
	r.Env = policy.Values{"ip": "10.1.2.3", "mfa": true, "actor": "alice"}
	if n := testing.AllocsPerRun(200, func() {
		if d, err := e.Decide(t.Context(), r); err != nil || !d.Allowed() {
			t.Fatal(d, err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
