package authz_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// shownElsewhere names, for each row that cannot be shown in a process or from outside a
// service, the tests that show it; and for those shown here in part, the other part.
var shownElsewhere = map[int]string{
	15:  "session/token TestTextThatIsNoTokenIsRefused",
	27:  "session/token TestUnsafeKeysAreRefused, session/token TestKeysOfSmallOrderAreRefused",
	28:  "session/token TestUnsafeKeysAreRefused, session/token TestEveryBadSignerFieldIsNamed",
	40:  "session/token TestHostileHeadersAreRefused, session/token TestTheKeySourceIsAskedOnlyForTheTrusted",
	44:  "session/token TestKeySetsThatAreRefusedAsAWhole",
	45:  "session/token TestAKeyThatIsNotForUsIsLeftOutAndListed",
	46:  "session/token/jwks TestAWithdrawnKeyIsRefusedAfterTheNextFetch",
	47:  "session/token/jwks TestAFloodOverTheWireFetchesTwice, session/token/jwks TestTheTickerAndUnknownKidsTogetherFetchTwiceIn30s",
	48:  "session/token/jwks TestARotationIsAcceptedWithin35sDuringAFloodOfRandomKids",
	49:  "session/token TestTheKeySourceIsAskedOnlyForTheTrusted",
	64:  "session/token TestTimeEdges",
	82:  "integration TestRevocationReachesTheOtherInstance",
	83:  "integration TestStoreEndsSessionsWhoseKeysNeverExpire, session/sessiontest Run",
	84:  "integration TestStoreRefusesARecordThatWasTamperedWith, session TestARecordThatIsNotTheOneAskedForIsCorrupt",
	85:  "integration TestStoreRefusesARecordThatWasTamperedWith, session/redisstore TestEveryBitOfASealedRecordCounts",
	86:  "integration TestStoreWhileRedisIsGone, integration TestStoreWhileRedisHangs, integration TestStoreOnAReplica, integration TestStoreWithoutThePassword, integration TestStoreWithoutMemory, session/redisstore TestAnErrorOfRedisIsAnOutage",
	88:  "session/token TestTheKeySourceDecidesRefusalOrOutage, session/token/jwks TestLastGoodKeysServeFor24HoursOfOutage, session/token/jwks TestAnUnknownKeyIsAnOutageWhileNobodyCanAsk",
	102: "authz TestAStreamEndsWithWhatLetItIn",
	104: "authz TestHostileDPoPRequests, authz TestDPoPNonces, integration TestADPoPProofIsUsedOnceOnAllReplicas, session/token TestHostileProofsAreRefused",
}

// TestHostile runs the suite that services run against themselves: all of it with one kind
// of key, and with the others the rows that only they can show. The long run is all of it
// with all of them.
func TestHostile(t *testing.T) {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	ec := func(curve elliptic.Curve) session.SecretKey {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return session.NewPrivateKey(key)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 64)
	rand.Read(random)
	secret, rs := session.NewSecretKey(random), session.NewPrivateKey(rsaKey)
	ofEC, ofRSA, ofSecrets := []int{21, 22, 24, 25, 26}, []int{21, 22, 23, 29, 30}, []int{16, 21, 22, 36}
	notShown := map[int]int{}
	kinds := []struct {
		alg  token.Algorithm
		key  session.SecretKey
		only []int
	}{
		{token.EdDSA, session.NewPrivateKey(ed), nil},
		{token.ES256, ec(elliptic.P256()), ofEC},
		{token.ES384, ec(elliptic.P384()), ofEC},
		{token.ES512, ec(elliptic.P521()), ofEC},
		{token.RS256, rs, ofRSA},
		{token.RS384, rs, ofRSA},
		{token.RS512, rs, ofRSA},
		{token.PS256, rs, ofRSA},
		{token.PS384, rs, ofRSA},
		{token.PS512, rs, ofRSA},
		{token.HS256, secret, ofSecrets},
		{token.HS384, secret, ofSecrets},
		{token.HS512, secret, ofSecrets},
	}
	for _, kind := range kinds {
		t.Run(string(kind.alg), func(t *testing.T) {
			w, service, options := hostileFixture(t, kind.alg, kind.key)
			if options.Only = kind.only; testneed.Soak() {
				options.Only = nil
			}
			for id := range authztest.Hostile(t, service, options) {
				notShown[id]++
			}
			for _, e := range w.events {
				if text := fmt.Sprint(e.LogValue()); strings.ContainsAny(text, "\r\x1b") || strings.Contains(text, "\nlevel") {
					t.Errorf("a request writes a line into the log: %q", text)
				}
			}
		})
	}
	for id, times := range notShown {
		if tests, ok := shownElsewhere[id]; times == len(kinds) && !ok {
			t.Errorf("row %d is shown nowhere: %q", id, tests)
		}
	}
}

// hostileFixture is a service that has all the suite asks about.
func hostileFixture(t *testing.T, alg token.Algorithm, key session.SecretKey, options ...option) (*fixture, authztest.Service, authztest.Options) {
	t.Helper()
	return hostileFixtureOf(t, alg, key, func(*token.Issuer) {}, options...)
}

// hostileFixtureOf is that with an edited entry of its identity provider.
func hostileFixtureOf(t *testing.T, alg token.Algorithm, key session.SecretKey, edit func(*token.Issuer), options ...option) (*fixture, authztest.Service, authztest.Options) {
	t.Helper()
	sign := func(issuer, kid string, alg token.Algorithm, key session.SecretKey) *token.Signer {
		s, err := token.NewSigner(token.SignerConfig{Issuer: issuer, Audience: "api", KeyID: kid, Algorithm: alg, Key: key, Lifetime: 10 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	peerKey := session.NewPrivateKey(private)
	signer, peer := sign("https://issuer.test", "k1", alg, key), sign("https://peer.test", "p1", token.EdDSA, peerKey)
	idp := newProvider(t, named)
	idp.name, idp.template = "https://login.test/acme/v2.0", "https://login.test/{tenant}/v2.0"
	idp.issuer.Name, idp.issuer.Foreign.Tenant = idp.template, "tid"
	idp.claims = map[string]any{"tid": "acme"}
	edit(&idp.issuer)
	trust := func(c *authz.Config) {
		verifier, err := token.NewVerifier(signer.Issuer(), peer.Issuer(), idp.issuer)
		if err != nil {
			t.Fatal(err)
		}
		c.Tokens = verifier
	}
	w := newFixture(t, append([]option{withCookie, trust}, options...)...)
	w.signer = signer
	refs := map[string]session.Ref{}
	fail := func(err error) func() { w.store.fail.Store(&err); return func() { w.store.fail.Store(nil) } }
	_, outsider := w.login(globex, session.MustParseUserID("mallory"), "editor")
	swapped := false
	return w, authztest.Service{
			Handler: w.echo, Method: "GET", Path: "/notes/1",
			Token: func() string {
				bearer, s := w.login(acme, alice, "viewer")
				refs[bearer] = s.Ref()
				return bearer
			},
		}, authztest.Options{
			Key: key, Peer: &authztest.Peer{Issuer: "https://peer.test", KeyID: "p1", Key: peerKey},
			Provider: &authztest.Provider{
				Key: session.NewPrivateKey(idp.key), Token: func() string { return idp.token(idp.signIn("viewer")) },
				Others: []map[string]string{
					{"kind": `"id"`}, {"kind": `""`}, {"kind": ""}, {"kind": `["access"]`}, {"header:typ": `"logout+jwt"`}, {"header:typ": `"dpop+jwt"`}, {"nonce": `"n"`, "kind": `"id"`},
				},
				Tenant: "tid", Template: idp.template, Remembered: true,
				Revoke: func(bearer string) { w.revokeCaller(bearer) },
			},
			Public: "/public", Forbidden: "PUT /notes/1", Cookie: cookie, TenantHeader: "X-Tenant",
			Revoke: func(bearer string) {
				if err := w.manager.Revoke(t.Context(), refs[bearer]); err != nil {
					t.Fatal(err)
				}
			},
			Suspend: func() func() {
				if err := w.manager.SetTenantStatus(t.Context(), acme, tenant.Suspended); err != nil {
					t.Fatal(err)
				}
				return func() {
					if err := w.manager.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
						t.Fatal(err)
					}
				}
			},
			Outage: func() func() { return fail(errDown) },
			Corrupt: func() func() {
				if swapped {
					return fail(session.ErrCorrupt)
				}
				swapped = true
				w.store.swap.Store(&outsider)
				return func() { w.store.swap.Store(nil) }
			},
		}
}

func TestTheRowsShownElsewhereNameTestsThatExist(t *testing.T) {
	for id, tests := range shownElsewhere {
		for _, test := range strings.Split(tests, ", ") {
			dir, name, _ := strings.Cut(test, " ")
			if name == "" || !declares(t, filepath.Join("..", filepath.FromSlash(dir)), name) {
				t.Errorf("row %d: there is no %q", id, test)
			}
		}
	}
}

func declares(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
