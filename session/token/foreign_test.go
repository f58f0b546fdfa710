package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// foreign is an entry of a provider whose tokens are told apart by one claim.
func foreign(t testing.TB, edit ...func(*token.Issuer)) token.Issuer {
	t.Helper()
	i := trust(t, token.EdDSA)
	i.Foreign = &token.Foreign{
		Types: []string{"JWT"}, Kind: map[string]string{"use": "access"}, Tenant: "/org/id", Session: "sid",
		Roles: "roles", RoleNames: map[string]string{"ed": "editor", "vi": "viewer"}, AuthTime: "auth_time", ACR: "acr", AMR: "amr",
	}
	for _, e := range edit {
		e(&i)
	}
	return i
}

// theirsOf is a token for foreign, with edited claims.
func theirsOf(edits ...string) string { return theirsWith(nil, edits...) }

func theirsWith(header []string, edits ...string) string {
	now := time.Now().Unix()
	claims := object(map[string]string{
		"iss": `"` + issuerName + `"`, "aud": `"` + audience + `"`, "sub": `"f:1:bob"`, "use": `"access"`, "iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 300),
		"org": `{"id":"acme"}`, "sid": `"op-7"`, "roles": `["vi","ed","root"]`, "auth_time": fmt.Sprint(now - 60), "acr": `"2"`, "amr": `["pwd","otp"]`,
	}, edits...)
	return ours().forge(token.EdDSA, headerOf(token.EdDSA, append([]string{"typ", `"JWT"`}, header...)...), claims)
}

func TestEachRefusedForeignEntryNamesItsFieldAndWhy(t *testing.T) {
	acme := tenant.MustParse("acme")
	f := func(edit func(*token.Foreign)) func(*token.Issuer) {
		return func(i *token.Issuer) { edit(i.Foreign) }
	}
	for want, edit := range map[string]func(*token.Issuer){
		"Foreign.Kind: required, since typ does not tell":             f(func(f *token.Foreign) { f.Kind = nil }),
		`Foreign.Kind: "use" has no text`:                             f(func(f *token.Foreign) { f.Kind = map[string]string{"use": ""} }),
		`Foreign.Kind: "header:jku" is not a header member`:           f(func(f *token.Foreign) { f.Kind = map[string]string{"header:jku": "x"} }),
		`Foreign.Kind: "header:typ" is not a header member`:           f(func(f *token.Foreign) { f.Kind = map[string]string{"header:typ": "x"} }),
		`Foreign.Kind: "/a~2" is not a JSON pointer`:                  f(func(f *token.Foreign) { f.Kind = map[string]string{"/a~2": "x"} }),
		"Foreign.Tenant: required for an issuer without a Tenant":     f(func(f *token.Foreign) { f.Tenant = "" }),
		`Foreign.Tenant: "/a//b" is not a JSON pointer`:               f(func(f *token.Foreign) { f.Tenant = "/a//b" }),
		`Foreign.Tenant: "/1/2/3/4/5/6/7/8" is deeper`:                f(func(f *token.Foreign) { f.Tenant = "/1/2/3/4/5/6/7/8" }),
		"Foreign.Tenant: the same as Foreign.User":                    f(func(f *token.Foreign) { f.Tenant, f.User = "oid", "oid" }),
		`Foreign.User: "exp" has a meaning`:                           f(func(f *token.Foreign) { f.User = "exp" }),
		"Foreign.User: iss is not a user":                             f(func(f *token.Foreign) { f.User = "iss" }),
		`Foreign.Session: "jti" has a meaning`:                        f(func(f *token.Foreign) { f.Session = "jti" }),
		`Foreign.Session: "uti" names a token`:                        f(func(f *token.Foreign) { f.Session = "uti" }),
		"Foreign.Session: the same as Foreign.User":                   f(func(f *token.Foreign) { f.Session = "sub" }),
		"Foreign.RoleNames: required with Foreign.Roles":              f(func(f *token.Foreign) { f.RoleNames = nil }),
		"Foreign.RoleNames: without Foreign.Roles":                    f(func(f *token.Foreign) { f.Roles = "" }),
		`Foreign.RoleNames["ed"]: "an editor" is not a role`:          f(func(f *token.Foreign) { f.RoleNames = map[string]string{"ed": "an editor"} }),
		"Foreign.AudienceClaim: an ID token has the client id in aud": f(func(f *token.Foreign) { f.IDTokens, f.AudienceClaim = true, "azp" }),
		"Foreign.IDTokens: an at+jwt is no ID token":                  f(func(f *token.Foreign) { f.IDTokens, f.Types = true, []string{"JWT", "at+jwt"} }),
		`Foreign.AudienceClaim: "aud" has a meaning`:                  f(func(f *token.Foreign) { f.AudienceClaim = "aud" }),
		"TenantClaim, SessionClaim: Foreign.Tenant and":               func(i *token.Issuer) { i.TenantClaim = "org" },
		"OwnSessions: a foreign issuer's sessions":                    func(i *token.Issuer) { i.OwnSessions = true },
		"Tenants: beside EncodeTenants":                               func(i *token.Issuer) { i.Tenants, i.EncodeTenants = map[string]tenant.ID{"a": acme}, true },
		"Tenants: beside EncodeTenants, or empty":                     func(i *token.Issuer) { i.Tenants = map[string]tenant.ID{} },
		`Tenants["a"]: an empty name or the zero tenant`:              func(i *token.Issuer) { i.Tenants = map[string]tenant.ID{"a": {}} },
		"Tenants: Acme and acme differ by case alone":                 func(i *token.Issuer) { i.Tenants = map[string]tenant.ID{"a": acme, "b": tenant.MustParse("Acme")} },
		"Tenant: beside Tenants or EncodeTenants":                     func(i *token.Issuer) { i.Tenant, i.EncodeTenants = acme, true },
		"UserPrefix: at most 64 bytes that stand in user ids":         func(i *token.Issuer) { i.UserPrefix = "a b" },
		"SameAs: the issuer itself":                                   func(i *token.Issuer) { i.SameAs = i.Name },
		"Name: a template has {tenant} once":                          func(i *token.Issuer) { i.Name = "https://x/{tenant}/{tenant}" },
		"Name: a template has {tenant} once, as a whole segment":      func(i *token.Issuer) { i.Name = "https://x/a{tenant}" },
		"Name: a template has {tenant}":                               func(i *token.Issuer) { i.Name = "https://{tenant}.example.com/" },
		"Tenant: beside a template":                                   func(i *token.Issuer) { i.Name, i.Tenant = "https://x/{tenant}", acme },
		"Header: Authorization has a meaning":                         func(i *token.Issuer) { i.Header = "authorization" },
		`Header: "A b" is not the name of a header`:                   func(i *token.Issuer) { i.Header = "A b" },
		"MaxLength: 16385, 1 to 16384 bytes are allowed":              func(i *token.Issuer) { i.MaxLength = 16385 },
		"Tenants: only an issuer with Foreign has one":                func(i *token.Issuer) { i.Foreign, i.Tenants = nil, map[string]tenant.ID{"a": acme} },
		"UserPrefix: only an issuer with Foreign has one":             func(i *token.Issuer) { i.Foreign, i.UserPrefix = nil, "a:" },
		"Name: a template: only an issuer with Foreign has one":       func(i *token.Issuer) { i.Foreign, i.Name = nil, "https://x/{tenant}" },
		`Types: "" is not a type`:                                     func(i *token.Issuer) { i.Foreign, i.Types = nil, []string{""} },
	} {
		if _, err := token.NewVerifier(foreign(t, edit)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// "1001" of one provider is another person than "1001" of another.
func TestTwoIssuersOfOneTenantHaveUsersOfTheirOwn(t *testing.T) {
	acme, globex := tenant.MustParse("acme"), tenant.MustParse("globex")
	one := func(edit func(*token.Issuer)) token.Issuer { return foreign(t, edit) }
	two := func(edit func(*token.Issuer)) token.Issuer {
		keys, err := token.NewKeySet(key(t, "k1", token.EdDSA, theirs().public(token.EdDSA)))
		if err != nil {
			t.Fatal(err)
		}
		return foreign(t, func(i *token.Issuer) { i.Name, i.Keys = "https://two.example.com", keys }, edit)
	}
	prefix := func(p string) func(*token.Issuer) { return func(i *token.Issuer) { i.UserPrefix = p } }
	of := func(id tenant.ID, p string) func(*token.Issuer) {
		return func(i *token.Issuer) { i.Tenant, i.UserPrefix = id, p }
	}
	mapped := func(ids ...tenant.ID) func(*token.Issuer) {
		return func(i *token.Issuer) {
			i.Tenants = map[string]tenant.ID{}
			for _, id := range ids {
				i.Tenants["org-"+id.String()] = id
			}
		}
	}
	for name, c := range map[string]struct {
		one, two func(*token.Issuer)
		ok       bool
	}{
		"no prefix":                        {prefix(""), prefix(""), false},
		"one prefix":                       {prefix(""), prefix("two:"), false},
		"two prefixes":                     {prefix("one:"), prefix("two:"), true},
		"the same prefix":                  {prefix("one:"), prefix("one:"), false},
		"a prefix that begins the other":   {prefix("one:"), prefix("one:two:"), false},
		"tenants of their own":             {of(acme, ""), of(globex, ""), true},
		"one tenant":                       {of(acme, ""), of(acme, ""), false},
		"one tenant of all":                {of(acme, ""), prefix(""), false},
		"maps without a common tenant":     {mapped(acme), mapped(globex), true},
		"maps with a common tenant":        {mapped(acme, globex), mapped(globex), false},
		"a map and its tenant":             {mapped(acme, globex), of(globex, ""), false},
		"tenants that differ by case":      {mapped(acme), mapped(tenant.MustParse("ACME")), false},
		"one provider, by its own account": {prefix(""), func(i *token.Issuer) { i.SameAs = issuerName }, true},
		"each by the other's account":      {func(i *token.Issuer) { i.SameAs = "https://two.example.com" }, func(i *token.Issuer) { i.SameAs = issuerName }, false},
		"by the account of a third":        {func(i *token.Issuer) { i.SameAs = "https://three.example.com" }, func(i *token.Issuer) { i.SameAs = issuerName }, false},
		"the provider of somebody else":    {prefix(""), func(i *token.Issuer) { i.SameAs = "https://three.example.com" }, false},
	} {
		_, err := token.NewVerifier(one(c.one), two(c.two))
		if (err == nil) != c.ok || !c.ok && !strings.Contains(err.Error(), "UserPrefix: ") && !strings.Contains(err.Error(), "differ by case alone") && !strings.Contains(err.Error(), "SameAs: issuer ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	v := verifier(t, one(prefix("one:")), two(prefix("two:")))
	if s := strangerOf(t, v, "", theirsOf("sub", `"1001"`)); s.User.String() != "one:1001" {
		t.Errorf("user %s", s.User)
	}
	// The sources of keys are each issuer's own, unless they are one provider's.
	shared := foreign(t)
	other := foreign(t, func(i *token.Issuer) { i.Name, i.Keys, i.UserPrefix = "https://two.example.com", shared.Keys, "two:" })
	if _, err := token.NewVerifier(shared, other); err == nil || !strings.Contains(err.Error(), "Keys: the source of another issuer") {
		t.Errorf("got %v", err)
	}
	other.SameAs = shared.Name
	verifier(t, shared, other)
	verifier(t, other, shared)
}

func TestForeignClaimsAreReadInOneWayOrRefused(t *testing.T) {
	v := verifier(t, foreign(t))
	s := strangerOf(t, v, "", theirsOf())
	if s.User.String() != "f:1:bob" || s.Tenant.String() != "acme" || s.Name != "op-7" || strings.Join(s.Roles, " ") != "editor viewer" || s.ACR != "2" || strings.Join(s.AMR, " ") != "pwd otp" || s.Machine {
		t.Errorf("got %+v", s)
	}
	s.Roles[0], s.AMR[0] = "root", "root"
	if again := strangerOf(t, v, "", theirsOf()); again.Roles[0] == "root" || again.AMR[0] == "root" {
		t.Error("a stranger shares its slices")
	}
	now := time.Now().Unix()
	for name, c := range map[string]struct{ raw, why string }{
		"claims twice":                      {strings.Replace(theirsOf(), ".", ".", 1), ""},
		"a nested name twice":               {theirsOf("org", `{"id":"acme","id":"globex"}`), "not strict JSON"},
		"a nested name twice, once escaped": {theirsOf("org", `{"id":"acme","\u0069d":"globex"}`), "not strict JSON"},
		"too deep":                          {theirsOf("x", strings.Repeat("[", 9)+strings.Repeat("]", 9)), "nested too deep"},
		"an array on the way":               {theirsOf("org", `[{"id":"acme"}]`), "the tenant is missing"},
		"a text on the way":                 {theirsOf("org", `"acme"`), "the tenant is missing"},
		"null on the way":                   {theirsOf("org", `null`), "the tenant is missing"},
		"a name in another case":            {theirsOf("org", `{"ID":"acme"}`), "the tenant is missing"},
		"a tenant with a blank":             {theirsOf("org", `{"id":"acme "}`), "no tenant id"},
		"a tenant that is a path":           {theirsOf("org", `{"id":"../acme"}`), "no tenant id"},
		"a tenant in a list of lists":       {theirsOf("org", `{"id":[["acme"]]}`), "not a text"},
		"a user that is a number":           {theirsOf("sub", "7"), "the user is missing"},
		"a user that shows nothing":         {theirsOf("sub", `"\u3164"`), "not a user id"},
		"a user of 256 bytes":               {theirsOf("sub", `"`+strings.Repeat("u", 256)+`"`), "not a user id"},
		"a session that is a number":        {theirsOf("sid", "7"), `"sid": not a text`},
		"a session with a line break":       {theirsOf("sid", `"a\nb"`), `"sid": not a text`},
		"roles that are a number":           {theirsOf("roles", "7"), "the roles are neither"},
		"a role that is a number":           {theirsOf("roles", `["ed",7]`), "a role is not a text"},
		"a sign-in in the future":           {theirsOf("auth_time", fmt.Sprint(now+20)), "the sign-in is in the future"},
		"a sign-in that is a text":          {theirsOf("auth_time", `"yesterday"`), "not a number"},
		"a sign-in before 1970":             {theirsOf("auth_time", "-1"), "out of range"},
		"amr that is a text":                {theirsOf("amr", `"pwd"`), "amr is not an array"},
		"amr of objects":                    {theirsOf("amr", `[{"method":"pwd"}]`), "amr: not a text"},
		"33 methods":                        {theirsOf("amr", "["+strings.Repeat(`"a",`, 32)+`"a"]`), "amr is not an array of at most 32"},
		"iat that is null":                  {theirsOf("iat", "null"), "not a number"},
		"exp that is a text":                {theirsOf("exp", `"9999999999"`), "not a number"},
		"not yet":                           {theirsOf("nbf", fmt.Sprint(now+90)), "not valid yet"},
		"an iat of 8 s ahead":               {theirsOf("iat", fmt.Sprint(now+8)), "issued in the future"},
		"aud with a number in it":           {theirsOf("aud", `["`+audience+`",7]`), "aud does not name"},
		"kind that is a list":               {theirsOf("use", `["access"]`), "not of the kind"},
		"kind in another case":              {theirsOf("use", `"Access"`), "not of the kind"},
		"htm, so a proof":                   {theirsOf("htm", `"GET"`), "not an access token"},
		"another binding":                   {theirsOf("cnf", `{"x5t#S256":"a"}`), "a binding that is not accepted"},
		"two bindings":                      {theirsOf("cnf", `{"jkt":"`+thumbprint()+`","x5t#S256":"a"}`), "a binding that is not accepted"},
		"jti of two lines":                  {theirsOf("jti", `"a\nb"`), `"jti": not a text`},
		"typ at+jwt":                        {theirsWith([]string{"typ", `"at+jwt"`}), "typ is not accepted"},
		"no typ":                            {theirsWith([]string{"typ", ""}), "typ is missing"},
	} {
		if c.why == "" {
			continue
		}
		got, err := v.Verify(context.Background(), c.raw)
		if got != nil || !errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, raw := range map[string]string{
		"nonce beside Kind": theirsOf("nonce", `"n"`), "no session": theirsOf("sid", ""), "no roles": theirsOf("roles", "null"), "an iat of 3 s ahead": theirsOf("iat", fmt.Sprint(now+3)),
		"a tenant in a list": theirsOf("org", `{"id":["acme"]}`), "roles by an object": theirsOf("roles", `{"ed":{}}`), "one role": theirsOf("roles", `"ed"`), "members nobody knows": theirsWith([]string{"cat", `"x"`, "pi.atm", `"y"`}),
	} {
		strangerOf(t, v, "", raw)
		_ = name
	}
}

// A header member that carries a key, fetches one or changes what is signed is refused of every
// provider; jku is skipped where an entry says so, and never fetched.
func TestHeaderMembersThatNameKeysStayRefused(t *testing.T) {
	plain, lenient := verifier(t, foreign(t)), verifier(t, foreign(t, func(i *token.Issuer) { i.Foreign.IgnoreJKU = true }))
	for _, member := range []string{"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty"} {
		raw := theirsWith([]string{member, `"https://evil.example.com/keys"`})
		for name, v := range map[string]*token.Verifier{"without IgnoreJKU": plain, "with it": lenient} {
			_, err := v.Verify(context.Background(), raw)
			if good := name == "with it" && member == "jku"; (err == nil) != good || !good && !strings.Contains(fmt.Sprint(err), "member "+member+" is not accepted") {
				t.Errorf("%s %s: %v", member, name, err)
			}
		}
	}
	// Of another issuer of the same verifier it is refused as ever.
	both := verifier(t, foreign(t, func(i *token.Issuer) { i.Foreign.IgnoreJKU = true }), trust(t, token.EdDSA, func(i *token.Issuer) {
		i.Name = "https://own.example.com"
	}))
	raw := ours().forge(token.EdDSA, headerOf(token.EdDSA, "jku", `"https://evil.example.com"`), claimsOf("iss", `"https://own.example.com"`))
	if _, err := both.Verify(context.Background(), raw); err == nil || !strings.Contains(err.Error(), "member jku is not accepted") {
		t.Errorf("got %v", err)
	}
}

func TestABoundForeignTokenNamesNobodyUntilItIsProved(t *testing.T) {
	v := verifier(t, foreign(t))
	got, err := v.Verify(context.Background(), theirsOf("cnf", `{"jkt":"`+thumbprint()+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := got.Stranger(); ok || !s.User.IsZero() || got.Thumbprint() == "" {
		t.Errorf("a bearer is %v", s.User)
	}
	for name, v := range map[string]*token.Verified{"zero": {}, "nil": nil} {
		if s, ok := v.Stranger(); ok || !s.User.IsZero() {
			t.Errorf("%s names %v", name, s.User)
		}
	}
	native := accepts(t, verifier(t, trust(t, token.EdDSA)), good(token.EdDSA))
	if _, ok := native.Stranger(); ok {
		t.Error("a token of ours is a stranger's")
	}
}

// The limit is what the issuer asks for, and the largest that one does before it is known.
func TestTheLongestTokenIsWhatAnIssuerAsksFor(t *testing.T) {
	long := theirsOf("groups", `"`+strings.Repeat("g", 7000)+`"`)
	if len(long) < token.MaxLength || len(long) > token.LongestMaxLength {
		t.Fatalf("%d bytes", len(long))
	}
	small, large := verifier(t, foreign(t)), verifier(t, foreign(t, func(i *token.Issuer) { i.MaxLength = token.LongestMaxLength }))
	if _, err := small.Verify(context.Background(), long); err == nil || !strings.Contains(err.Error(), "longer than 8 KiB") {
		t.Errorf("got %v", err)
	}
	strangerOf(t, large, "", long)
	if _, ok := large.Cached(long); !ok {
		t.Error("it is not remembered")
	}
	own := trust(t, token.EdDSA, func(i *token.Issuer) { i.Name = "https://own.example.com" })
	both := verifier(t, own, foreign(t, func(i *token.Issuer) { i.MaxLength = token.LongestMaxLength }))
	raw := ours().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf("iss", `"https://own.example.com"`, "x", `"`+strings.Repeat("g", 7000)+`"`))
	if _, err := both.Verify(context.Background(), raw); err == nil || !strings.Contains(err.Error(), "longer than MaxLength of its issuer") {
		t.Errorf("got %v", err)
	}
	if _, err := both.Verify(context.Background(), strings.Repeat("a", token.LongestMaxLength+1)); err == nil || !strings.Contains(err.Error(), "MaxLength of every issuer") {
		t.Errorf("got %v", err)
	}
}

// A logout token of a foreign issuer names a session of its own, and no tenant.
func TestALogoutTokenNamesTheIssuersSession(t *testing.T) {
	v := verifier(t, foreign(t, trustLogout, func(i *token.Issuer) { i.UserPrefix = "kc:" }), trust(t, token.EdDSA, trustLogout, func(i *token.Issuer) { i.Name = "https://own.example.com" }))
	l, err := v.VerifyLogout(context.Background(), goodLogout("sub", `"f:1:bob"`, "sid", `"op-7"`, "tenant", `"globex"`))
	if err != nil {
		t.Fatal(err)
	}
	issuer, name, subject, ok := l.Stranger()
	if !ok || issuer != issuerName || name != "op-7" || subject != "f:1:bob" || !l.Tenant().IsZero() || l.User().String() != "kc:f:1:bob" || l.Session() != (session.ID{}) {
		t.Errorf("%s %s %s %v, %v of %v", issuer, name, subject, ok, l.User(), l.Tenant())
	}
	l, err = v.VerifyLogout(context.Background(), goodLogout("sub", "", "sid", `"op-7"`, "tenant", ""))
	if err != nil || !l.User().IsZero() || !l.Tenant().IsZero() || l.IssuerSessionID() != "op-7" {
		t.Errorf("%v, %v", l, err)
	}
	own, err := v.VerifyLogout(context.Background(), goodLogout("iss", `"https://own.example.com"`))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, ok := own.Stranger(); ok {
		t.Error("a logout of an issuer without Foreign is a stranger's")
	}
	oid := verifier(t, foreign(t, trustLogout, func(i *token.Issuer) { i.Foreign.User = "oid" }))
	if l, err := oid.VerifyLogout(context.Background(), goodLogout("sub", `"bob"`, "sid", `"op-7"`)); err != nil || !l.User().IsZero() {
		t.Errorf("%v, %v", l, err)
	}
	if _, err := oid.VerifyLogout(context.Background(), goodLogout("sub", `"bob"`, "sid", "")); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a sub that is no user, alone: %v", err)
	}
	if _, err := v.Verify(context.Background(), goodLogout("sub", `"f:1:bob"`)); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a logout token is accepted as a token: %v", err)
	}
}

// A foreign token that was seen before costs what any token does.
func TestAForeignTokenSeenBeforeCostsAsMuchAsAnother(t *testing.T) {
	v := verifier(t, foreign(t), trust(t, token.EdDSA, func(i *token.Issuer) { i.Name = "https://own.example.com" }))
	cost := func(raw string) float64 {
		return testing.AllocsPerRun(100, func() {
			if _, err := v.Verify(context.Background(), raw); err != nil {
				t.Fatal(err)
			}
		})
	}
	own := ours().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf("iss", `"https://own.example.com"`))
	if a, b := cost(theirsOf()), cost(own); a != b || a > 1 {
		t.Errorf("%v allocations, %v for a token of ours", a, b)
	}
}

func BenchmarkForeignCold(b *testing.B) {
	i := foreign(b)
	v, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: []token.Issuer{i}, CacheSize: -1})
	if err != nil {
		b.Fatal(err)
	}
	raw := theirsOf()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(context.Background(), raw); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzForeignPath: a path is refused or finds the same value that encoding/json does.
func FuzzForeignPath(f *testing.F) {
	for _, s := range [][2]string{{"/org/id", `{"org":{"id":"acme"}}`}, {"org", `{"org":"acme"}`}, {"/a~1b/c~0d", `{"a/b":{"c~d":"acme"}}`}, {"https://x/t", `{"https://x/t":"acme"}`}, {"/", `{"":"acme"}`}, {"/0", `["acme"]`}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, path, claims string) {
		v, err := token.NewVerifier(foreign(t, func(i *token.Issuer) { i.Foreign.Tenant, i.EncodeTenants = path, true }))
		if err != nil {
			return
		}
		var extra map[string]any
		if json.Unmarshal([]byte(claims), &extra) != nil {
			return
		}
		now := time.Now().Unix()
		for name, value := range map[string]any{"iss": issuerName, "aud": audience, "sub": "bob", "use": "access", "iat": now, "exp": now + 300} {
			extra[name] = value
		}
		for _, name := range []string{"sid", "roles", "auth_time", "acr", "amr", "jti", "client_id", "azp", "cnf", "nbf"} {
			delete(extra, name)
		}
		text, err := json.Marshal(extra)
		if err != nil {
			return
		}
		got, err := v.Verify(context.Background(), ours().forge(token.EdDSA, headerOf(token.EdDSA, "typ", `"JWT"`), string(text)))
		if err != nil {
			if !errors.Is(err, token.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		names := []string{path}
		if strings.HasPrefix(path, "/") {
			names = strings.Split(path[1:], "/")
		}
		var value any = extra
		for _, name := range names {
			if path[0] == '/' {
				name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
			}
			members, ok := value.(map[string]any)
			if !ok {
				t.Fatalf("%q found something in %s", path, text)
			}
			value = members[name]
		}
		if list, ok := value.([]any); ok && len(list) == 1 {
			value = list[0]
		}
		name, ok := value.(string)
		s, _ := got.Stranger()
		if want, err := tenant.Encode(name); !ok || err != nil || s.Tenant != want {
			t.Fatalf("%q in %s is %s, %v", path, text, s.Tenant, err)
		}
	})
}

// FuzzForeign signs any payload. An accepted payload is strict JSON without a name twice, and has
// the user, tenant and session that encoding/json finds.
func FuzzForeign(f *testing.F) {
	now := time.Now().Unix()
	whole := fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"bob","use":"access","iat":%d,"exp":%d,"org":{"id":"acme"},"sid":"s","roles":["ed"],"auth_time":%d,"amr":["pwd"]}`, issuerName, audience, now, now+3600, now)
	for _, s := range []string{
		whole, strings.Replace(whole, "{", `{"sub":"root",`, 1), strings.Replace(whole, `{"id"`, `{"id":"globex","id"`, 1), strings.Replace(whole, `["ed"]`, `{"ed":{}}`, 1),
		strings.Replace(whole, `"acme"`, `["acme"]`, 1), whole + " ", whole + "{}", strings.Replace(whole, "sid", `\u0073id`, 1), "{}", "null",
	} {
		f.Add(s)
	}
	v := verifier(f, foreign(f))
	f.Fuzz(func(t *testing.T, payload string) {
		got, err := v.Verify(context.Background(), ours().forge(token.EdDSA, headerOf(token.EdDSA, "typ", `"JWT"`), payload))
		if err != nil {
			if !errors.Is(err, token.ErrInvalid) || len(err.Error()) > 400 {
				t.Fatalf("got %v", err)
			}
			return
		}
		if !jsontext.Value(payload).IsValid() {
			t.Fatalf("accepted what is not strict JSON: %q", payload)
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(payload), &m); err != nil {
			t.Fatal(err)
		}
		s, ok := got.Stranger()
		if !ok {
			if m["cnf"] == nil {
				t.Fatalf("no stranger of %q", payload)
			}
			return
		}
		org, _ := m["org"].(map[string]any)
		id := org["id"]
		if list, ok := id.([]any); ok && len(list) == 1 {
			id = list[0]
		}
		sid, _ := m["sid"].(string)
		if got.Ref() != (session.Ref{}) || m["iss"] != issuerName || m["use"] != "access" || m["sub"] != s.User.String() || id != s.Tenant.String() || sid != s.Name {
			t.Fatalf("read %v %v %q of %q", s.Tenant, s.User, s.Name, payload)
		}
	})
}
