package redispolicy

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

var (
	acme   = tenant.MustParse("acme")
	globex = tenant.MustParse("globex")
)

// fleet is a follower before a Redis that anybody may write to.
type fleet struct {
	t        *testing.T
	f        *Follower
	log      bytes.Buffer
	operator ed25519.PrivateKey
	own      map[tenant.ID]ed25519.PrivateKey
	main     answer
	tenants  map[tenant.ID]tenantAnswer
	fail     error // of the next looks at tenants
	sequence uint64
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	public, operator, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	x := &fleet{t: t, operator: operator, own: map[tenant.ID]ed25519.PrivateKey{}, tenants: map[tenant.ID]tenantAnswer{}}
	for _, id := range []tenant.ID{acme, globex} {
		if _, x.own[id], err = ed25519.GenerateKey(nil); err != nil {
			t.Fatal(err)
		}
	}
	x.restart(public)
	return x
}

// commonOf is a policy without rows of tenants.
func commonOf(t testing.TB) fstest.MapFS {
	files := policyOf(t)
	delete(files, "tenants/acme.csv")
	return files
}

// restart makes a follower that has seen nothing.
func (x *fleet) restart(operator ed25519.PublicKey) {
	engine, err := policy.Load(commonOf(x.t), policy.Options{})
	if err != nil {
		x.t.Fatal(err)
	}
	x.f = &Follower{engine: engine, config: FollowerConfig{Name: "p", Keys: []ed25519.PublicKey{operator}, MaxSize: defaultMaxSize, MaxTenantSize: 4096, Logger: slog.New(slog.NewTextHandler(&x.log, nil))}}
	x.f.ask = func(known map[tenant.ID]string) (map[tenant.ID]tenantAnswer, error) {
		out := map[tenant.ID]tenantAnswer{}
		for id, record := range known {
			a := x.tenants[id]
			if a.record == record {
				a.rows = "" // Redis sends only what is new
			}
			out[id] = a
		}
		return out, x.fail
	}
}

func (x *fleet) look() error {
	a := x.main
	if a.head == x.f.holds.text {
		a.bundle = ""
	}
	return x.f.heed(a, nil)
}

// operate publishes the common policy, with keys of tenants.
func (x *fleet) operate(keys ...tenant.ID) error {
	x.t.Helper()
	ceiling := "p, role:authenticated, *, invoice, read\np, role:authenticated, *, /invoices/*, GET\ng, role:viewer, *\n"
	for _, id := range keys {
		ceiling += "key, " + id.String() + ", " + base64.StdEncoding.EncodeToString(x.own[id].Public().(ed25519.PublicKey)) + "\n"
	}
	files := commonOf(x.t)
	files[policy.CeilingFile] = &fstest.MapFile{Data: []byte(ceiling)}
	return x.publish(files, x.operator)
}

func (x *fleet) publish(files fstest.MapFS, key ed25519.PrivateKey) error {
	x.t.Helper()
	data := zipped(x.t, files)
	x.sequence++
	r := signed("p", Publication{Sequence: x.sequence, ID: strings.Repeat("0", 32), Hash: hexadecimal(sha256.Sum256(data)), Size: len(data), PublishedAt: time.UnixMilli(1)}, key)
	x.main = answer{head: r.text, bundle: string(data), size: int64(len(data))}
	return x.look()
}

// record signs rows, and put writes them where those of a tenant stand.
func (x *fleet) record(id tenant.ID, sequence uint64, rows string, key ed25519.PrivateKey) tenantAnswer {
	x.t.Helper()
	r, err := signTenant("p", TenantPublication{Tenant: id, Sequence: sequence, Hash: hexadecimal(sha256.Sum256([]byte(rows))), Size: len(rows), PublishedAt: time.UnixMilli(1)}, key)
	if err != nil {
		x.t.Fatal(err)
	}
	return tenantAnswer{r.text, int64(len(rows)), rows}
}

func (x *fleet) put(id tenant.ID, sequence uint64, rows string) error {
	x.tenants[id] = x.record(id, sequence, rows, x.own[id])
	return x.look()
}

// reads is whether alice, who has no role, may read invoices: "yes", "no" or "closed".
func (x *fleet) reads(id tenant.ID) string {
	x.t.Helper()
	d, err := x.f.engine.Decide(x.t.Context(), policy.Request{Tenant: id, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "invoice"}})
	switch {
	case errors.Is(err, policy.ErrTenantClosed):
		return "closed"
	case err != nil:
		x.t.Fatal(err)
	case d.Allowed():
		return "yes"
	}
	return "no"
}

func (x *fleet) want(when string, ofAcme, ofGlobex string) {
	x.t.Helper()
	if a, b := x.reads(acme), x.reads(globex); a != ofAcme || b != ofGlobex {
		x.t.Errorf("%s: acme %s, globex %s, want %s and %s", when, a, b, ofAcme, ofGlobex)
	}
}

func reading(id tenant.ID) string {
	return "p, user:alice, " + id.String() + ", invoice, read, true, allow\n"
}

func TestATenantPublishesItsOwnRowsAlone(t *testing.T) {
	x := newFleet(t)
	if err := x.operate(acme, globex); !errors.Is(err, policy.ErrTenantHeld) {
		t.Error(err)
	}
	x.want("nothing is published", "closed", "closed")
	if err := x.put(acme, 1, reading(acme)); !errors.Is(err, policy.ErrTenantHeld) { // globex waits
		t.Error(err)
	}
	x.want("acme has published", "yes", "closed")
	if err := x.put(globex, 1, "p, user:alice, globex, invoice, read, true, deny\n"); err != nil {
		t.Error(err)
	}
	x.want("both have", "yes", "no")
	if s := x.f.Stats(); s.Err != nil || len(s.Tenants) != 2 || s.Tenants[0] != (TenantStats{acme, 1, nil}) {
		t.Errorf("%+v", s)
	}
	reloads := x.f.Stats().Reloads
	if err := x.look(); err != nil || x.f.Stats().Reloads != reloads {
		t.Errorf("a look that finds nothing new reloads: %v", err)
	}
	if err := x.operate(acme, globex); err != nil {
		t.Error(err)
	}
	x.want("the common policy is published again", "yes", "no")
	if err := x.put(acme, 2, "p, user:bob, acme, invoice, read, true, allow\n"); err != nil {
		t.Error(err)
	}
	x.want("acme has taken it back", "no", "no")
}

// An attacker who can write to Redis and has acme's key can change nothing but what acme's own file may.
func TestAKeyOfOneTenantSignsNothingElse(t *testing.T) {
	begin := func(t *testing.T) *fleet {
		x := newFleet(t)
		_ = x.operate(acme, globex)
		_ = x.put(globex, 5, "p, user:alice, globex, invoice, read, true, deny\n")
		if err := x.put(acme, 5, reading(acme)); err != nil {
			t.Fatal(err)
		}
		return x
	}
	for name, attack := range map[string]struct {
		do   func(x *fleet)
		want error
		say  string
	}{
		"rows of another tenant in its place":   {func(x *fleet) { x.tenants[globex] = x.record(globex, 6, reading(globex), x.own[acme]) }, ErrUntrusted, ""},
		"its own record in another's place":     {func(x *fleet) { x.tenants[globex] = x.record(acme, 6, reading(acme), x.own[acme]) }, ErrUntrusted, ""},
		"another's genuine record in its place": {func(x *fleet) { x.tenants[acme] = x.tenants[globex] }, ErrUntrusted, ""},
		"rows of another tenant in its own":     {func(x *fleet) { x.tenants[acme] = x.record(acme, 6, reading(globex), x.own[acme]) }, policy.ErrTenantHeld, "speaks for that tenant alone"},
		"rows of every tenant": {func(x *fleet) {
			x.tenants[acme] = x.record(acme, 6, "p, user:alice, *, invoice, read, true, allow\n", x.own[acme])
		}, policy.ErrTenantHeld, "speaks for that tenant alone"},
		"a role above the ceiling": {func(x *fleet) { x.tenants[acme] = x.record(acme, 6, "g, user:alice, role:admin, acme\n", x.own[acme]) }, policy.ErrTenantHeld, "above the ceiling"},
		"a rule for everyone": {func(x *fleet) {
			x.tenants[acme] = x.record(acme, 6, "p, role:anyone, acme, invoice, read, true, allow\n", x.own[acme])
		}, policy.ErrTenantHeld, "above the ceiling"},
		"every action": {func(x *fleet) {
			x.tenants[acme] = x.record(acme, 6, "p, user:alice, acme, invoice, *, true, allow\n", x.own[acme])
		}, policy.ErrTenantHeld, "above the ceiling"},
		"everything": {func(x *fleet) {
			x.tenants[acme] = x.record(acme, 6, "p, user:alice, acme, *, *, true, allow\n", x.own[acme])
		}, policy.ErrTenantHeld, "above the ceiling"},
		"a wider prefix": {func(x *fleet) {
			x.tenants[acme] = x.record(acme, 6, "p, user:alice, acme, /*, GET, true, allow\n", x.own[acme])
		}, policy.ErrTenantHeld, "above the ceiling"},
		"a key for itself": {func(x *fleet) {
			x.tenants[acme] = x.record(acme, 6, "key, globex, "+base64.StdEncoding.EncodeToString(x.own[acme].Public().(ed25519.PublicKey))+"\n", x.own[acme])
		}, policy.ErrTenantHeld, "unknown section"},
		"no rows":       {func(x *fleet) { x.tenants[acme] = x.record(acme, 6, "", x.own[acme]) }, policy.ErrTenantHeld, "no row"},
		"no text":       {func(x *fleet) { x.tenants[acme] = x.record(acme, 6, "\x00\xff\xfe", x.own[acme]) }, policy.ErrTenantHeld, ""},
		"too many rows": {func(x *fleet) { x.tenants[acme] = x.record(acme, 6, strings.Repeat("#\n", 3000), x.own[acme]) }, ErrTooLarge, ""},
		"an older record": {func(x *fleet) {
			x.tenants[acme] = x.record(acme, 4, "p, user:bob, acme, invoice, read, true, allow\n", x.own[acme])
		}, ErrReplayed, ""},
		"another record of the sequence": {func(x *fleet) {
			x.tenants[acme] = x.record(acme, 5, "p, user:bob, acme, invoice, read, true, allow\n", x.own[acme])
		}, ErrReplayed, ""},
		"other rows than the record's": {func(x *fleet) {
			a := x.record(acme, 6, "p, user:bob, acme, invoice, read, true, allow\n", x.own[acme])
			a.rows = strings.Replace(a.rows, "bob", "eve", 1)
			x.tenants[acme] = a
		}, ErrCorrupt, ""},
		"no record any more": {func(x *fleet) { delete(x.tenants, acme) }, ErrCorrupt, "gone"},
		"no words":           {func(x *fleet) { x.tenants[acme] = tenantAnswer{record: "garbage"} }, ErrUntrusted, ""},
		"another policy's record": {func(x *fleet) {
			r, _ := signTenant("staging", TenantPublication{Tenant: acme, Sequence: 6, Hash: hexadecimal(sha256.Sum256(nil)), Size: 0, PublishedAt: time.UnixMilli(1)}, x.own[acme])
			x.tenants[acme] = tenantAnswer{record: r.text}
		}, ErrUntrusted, "policy staging"},
		"the operator's key": {func(x *fleet) { x.tenants[acme] = x.record(acme, 6, reading(acme), x.operator) }, ErrUntrusted, ""},
		"the common policy": {func(x *fleet) {
			files := commonOf(t)
			files["policy.csv"] = &fstest.MapFile{Data: []byte("p, role:anyone, *, *, *, true, allow\n")}
			_ = x.publish(files, x.own[acme])
		}, ErrUntrusted, ""},
		"its record as the common policy's":        {func(x *fleet) { x.main = answer{head: x.tenants[acme].record, bundle: x.tenants[acme].rows} }, ErrUntrusted, "not a record"},
		"a record of the common policy as its own": {func(x *fleet) { x.tenants[acme] = tenantAnswer{record: x.main.head, rows: x.main.bundle} }, ErrUntrusted, "not a record"},
	} {
		t.Run(name, func(t *testing.T) {
			x := begin(t)
			attack.do(x)
			err := x.look()
			if !errors.Is(err, attack.want) || !strings.Contains(fmt.Sprint(err), attack.say) {
				t.Errorf("%v, want %v %s", err, attack.want, attack.say)
			}
			x.want(name, "yes", "no") // the last good rows
			if common := strings.Contains(name, "common policy") && name != "a record of the common policy as its own"; errors.Is(err, policy.ErrTenantHeld) == common {
				t.Errorf("whose mistake it is: %v", err)
			}
			if again := x.look(); (again == nil) || again.Error() != err.Error() {
				t.Errorf("the second look says %v", again)
			}
			// The other tenant and the operator go on.
			if err := x.put(globex, 7, reading(globex)); err != nil && !errors.Is(err, policy.ErrTenantHeld) && !errors.Is(err, ErrUntrusted) {
				t.Error(err)
			}
			if err := x.operate(acme, globex); err != nil && !errors.Is(err, policy.ErrTenantHeld) {
				t.Error(err)
			}
			if x.reads(globex) != "yes" && !strings.Contains(name, "another's place") {
				t.Error("the other tenant is held up")
			}
		})
	}
}

func TestAKeyThatIsTakenAwayClosesWhatItSigned(t *testing.T) {
	x := newFleet(t)
	_ = x.operate(acme, globex)
	_ = x.put(globex, 1, reading(globex))
	if err := x.put(acme, 1, reading(acme)); err != nil {
		t.Fatal(err)
	}
	old := x.own[acme]
	_, fresh, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	x.own[acme] = fresh
	if err := x.operate(acme, globex); !errors.Is(err, policy.ErrTenantHeld) || !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
	x.want("another key", "closed", "yes")
	x.tenants[acme] = x.record(acme, 9, reading(acme), old)
	if err := x.look(); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
	x.want("the old key goes on signing", "closed", "yes")
	if err := x.put(acme, 1, reading(acme)); !errors.Is(err, ErrReplayed) {
		t.Error(err)
	}
	if err := x.put(acme, 2, reading(acme)); err != nil {
		t.Error(err)
	}
	x.want("the new key has signed", "yes", "yes")
	if err := x.operate(globex); err != nil {
		t.Error(err)
	}
	x.want("acme has no key any more", "no", "yes")
	if err := x.operate(acme, globex); err != nil {
		t.Error(err)
	}
	x.want("acme has one again", "yes", "yes")
	if err := x.operate(); err != nil {
		t.Error(err)
	}
	x.want("nobody has one", "no", "no")
}

// The common policy and what tenants publish beside it take effect at once: a tenant's denials are
// never left out for a moment.
func TestThePolicyDoesNotCountBeforeWhatTenantsHavePublishedIsKnown(t *testing.T) {
	x := newFleet(t)
	x.tenants[acme] = x.record(acme, 3, reading(acme), x.own[acme])
	x.fail = ErrUnavailable
	before := x.f.engine.Revision()
	if err := x.operate(acme); !errors.Is(err, ErrUnavailable) || x.f.engine.Revision() != before {
		t.Error(err)
	}
	x.fail = nil
	if err := x.look(); err != nil {
		t.Error(err)
	}
	x.want("known", "yes", "no")
	// One that has just started, and finds the tenant's record gone, decides nothing for it.
	delete(x.tenants, acme)
	x.restart(x.operator.Public().(ed25519.PublicKey))
	if err := x.look(); !errors.Is(err, policy.ErrTenantHeld) {
		t.Error(err)
	}
	x.want("started without the record", "closed", "no")
	if err := x.put(acme, 4, reading(acme)); err != nil {
		t.Error(err)
	}
	x.fail = ErrUnavailable
	if err := x.put(acme, 5, "p, user:bob, acme, invoice, read, true, allow\n"); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	x.want("an outage", "yes", "no")
}

func TestARecordOfATenantIsReadAsItWasSigned(t *testing.T) {
	x := newFleet(t)
	a := x.record(acme, 7, "rows", x.own[acme])
	public := []ed25519.PublicKey{x.own[acme].Public().(ed25519.PublicKey)}
	r, err := parseTenantRecord("p", acme, a.record, public)
	if err != nil || r.Tenant != acme || r.Sequence != 7 || r.Size != 4 || r.check("rows") != nil || r.check("rowt") == nil {
		t.Errorf("%+v %v", r, err)
	}
	for i := range len(a.record) {
		changed := []byte(a.record)
		changed[i] ^= 1
		if _, err := parseTenantRecord("p", acme, string(changed), public); !errors.Is(err, ErrUntrusted) {
			t.Fatalf("byte %d may be changed", i)
		}
	}
}
