// Package conventions holds what all packages have in common: how a config is refused, and how
// what has a lifetime begins and ends.
package conventions

import (
	"crypto/ed25519"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authzen"
	"github.com/reevehq/reeve/authz/detect"
	"github.com/reevehq/reeve/authz/forwardauth"
	"github.com/reevehq/reeve/authz/insecureedge"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/authz/policy/filepolicy"
	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/service"
	"github.com/reevehq/reeve/service/fleet"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/erasure"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/introspect"
	"github.com/reevehq/reeve/session/token/jwks"
	"github.com/reevehq/reeve/tenant/crosstenant"
	"github.com/reevehq/reeve/tenant/job"
	"github.com/reevehq/reeve/tenant/redisscope"
	"github.com/reevehq/reeve/tenant/rls"
	"github.com/reevehq/reeve/tenant/sqlscope"
)

// refusal is a config in which everything is wrong that can be wrong at once.
type refusal struct {
	cfg   any
	build func() error
	wrong []string // the fields that the error has to name, each on a line of its own
	free  []string // the fields of which every value is fine
}

// refusals has at least one row for each Config of the root module.
var refusals = []refusal{
	row(authz.Config{
		Tenant: []middleware.Locator{nil}, Cookie: "sid", DPoP: &middleware.DPoP{}, CORS: &middleware.CORS{Methods: []string{"put"}}, Timeout: -1, Realm: `"`,
		HideExistence: authz.HideUnless("Read!"), HideTypes: map[string]authz.Hiding{"X": {}}, MaxVerifications: -1, MaxLoads: -1, InsecureEdge: (*insecureedge.Node)(nil),
	}, authz.NewGuard, "Tokens Sessions Policy Tenant[0] Cookie DPoP.Proofs DPoP.Replay CORS.Origins CORS.Methods[0] Timeout Realm HideExistence HideTypes MaxVerifications MaxLoads InsecureEdge",
		"Proxies Streams Observer Tracer Unchecked Logger ErrorHandler"),
	row(authz.Config{MaxTenantLoads: -1}, authz.NewGuard, "Tokens Sessions Policy MaxTenantLoads", ""),
	row(authz.LogoutConfig{MaxVerifications: -1}, authz.NewLogoutHandler, "Tokens Sessions Replay MaxVerifications", "Tenants Find Observer"),
	row(authz.StreamGuardConfig{Interval: -1, Grace: -1, Concurrency: -1}, authz.NewStreamGuard, "Sessions Interval Grace Concurrency", ""),
	row(authzen.Config{Identifier: "http://x", MaxBody: -1, MaxEvaluations: -1, MaxCandidates: -1}, authzen.NewHandler,
		"Policy Subjects Resources Identifier MaxBody MaxEvaluations MaxCandidates", "Context SearchSubjects SearchResources Observer"),
	row(detect.Config{MaxDenials: -1, MaxAddresses: -1, Window: -1, Quiet: -1, MaxAlerts: -1, MaxTracked: -1}, detect.New,
		"Alert MaxDenials MaxAddresses Window Quiet MaxAlerts MaxTracked", ""),
	row(forwardauth.Config{Authz: authz.Config{Timeout: -1, Unchecked: &authz.Unchecked{}}, Routes: []string{"GET x"}}, forwardauth.New,
		"Authz Authz.Tokens Authz.Sessions Authz.Policy Authz.Timeout Routes Proxy", ""),
	row(insecureedge.NodeConfig{MaxSessions: -1}, insecureedge.NewNode, "Feed Keys Routes MaxSessions", ""),
	row(insecureedge.PublisherConfig{Lifetime: -1, Horizon: -1, MaxChanges: -1}, insecureedge.NewPublisher, "Feed Key Lifetime Horizon MaxChanges", ""),
	row(insecureedge.FetcherConfig{Interval: -1, Timeout: -1, MaxBytes: -1}, insecureedge.NewFetcher, "Node URL Client Interval Timeout MaxBytes", "SkipPolicy OnError"),
	row(insecureedge.HandlerConfig{}, insecureedge.NewHandler, "Publisher", "Policy"),
	row(policy.RLSConfig{Table: "a;b", App: strings.Repeat("a", 64), Select: "Read", Insert: "I!", Update: "U!", Delete: "D!"}, anEngine().RLS,
		"Type Table App SELECT INSERT UPDATE DELETE", ""),
	row(policyrls.Config{}, policyrls.NewContext, "Signer Caller Engine", ""),
	row(policyrls.Config{Engine: anEngine()}, policyrls.NewContext, "Signer Caller Types", ""),
	row(casbinindex.Config{
		Functions:      map[string]func(...any) (any, error){"f": nil, "keyMatch": func(...any) (any, error) { return nil, nil }},
		Matching:       map[string]func(string, string) bool{"g7": nil},
		DomainMatching: map[string]func(string, string) bool{"g8": func(string, string) bool { return false }},
	}, func(cfg casbinindex.Config) (*casbinindex.Index, error) { return casbinindex.New(aModel(), cfg) }, "Functions Matching DomainMatching", ""),
	row(filepolicy.Config{Debounce: -1, MaxDelay: -1, Poll: -1}, filepolicy.NewFollower, "Engine Folder Debounce MaxDelay Poll", "OnReload Logger"),
	row(redispolicy.FollowerConfig{Poll: -1, Pause: -1, Timeout: -1, MaxSize: -1, MaxTenantSize: -1}, redispolicy.NewFollower,
		"Client Engine Name Keys Poll Pause Timeout MaxSize MaxTenantSize", "Logger"),
	row(redispolicy.PublisherConfig{Trusted: noKeys, Timeout: -1, MaxSize: -1}, redispolicy.NewPublisher, "Client Name Key Trusted[0] Timeout MaxSize", ""),
	row(redispolicy.ReaderConfig{Timeout: -1, MaxSize: -1}, redispolicy.NewReader, "Client Name Keys Timeout MaxSize", ""),
	row(redispolicy.TenantPublisherConfig{Trusted: noKeys, Timeout: -1, MaxSize: -1}, redispolicy.NewTenantPublisher, "Client Name Tenant Key Trusted[0] Timeout MaxSize", "Common"),
	row(middleware.AuthenticatorConfig{
		Tenant: []middleware.Locator{nil}, Cookie: "sid", DPoP: &middleware.DPoP{}, CORS: &middleware.CORS{}, Timeout: -1, MaxVerifications: -1, MaxLoads: -1,
	}, middleware.NewAuthenticator, "Tokens Sessions Tenant[0] Cookie DPoP.Proofs DPoP.Replay CORS.Origins Timeout MaxVerifications MaxLoads", "Tracer InsecureEdge"),
	row(middleware.AuthenticatorConfig{MaxTenantLoads: -1}, middleware.NewAuthenticator, "Tokens Sessions MaxTenantLoads", ""),
	row(middleware.LogoutAuthenticatorConfig{MaxVerifications: -1}, middleware.NewLogoutAuthenticator, "Tokens MaxVerifications", ""),
	row(middleware.SignInConfig{Hashes: -1, Wait: -1, Queue: -1}, middleware.NewSignInLimit, "Hashes Wait Queue", ""),
	row(service.Config{Parts: []service.Part{{Name: "a", CloseTimeout: -1}, {}}, Wait: -1}, service.NewGroup, "Parts Wait", "Lifecycle Logger"),
	row(service.ServerConfig{Drain: -1}, service.NewServer, "Addr Handler Drain", "Lifecycle Name ReadHeaderTimeout ReadTimeout WriteTimeout IdleTimeout Logger"),
	row(service.HealthConfig{Checks: []service.Check{{}}, Interval: -1, Timeout: -1}, service.NewHealth, "Lifecycle Checks Interval Timeout", "Logger"),
	row(fleet.Config{ID: "{}", Host: "a\nb", Version: "\x00", Heartbeat: -1, Timeout: -1}, fleet.NewMember, "Client Name ID Host Version Heartbeat Timeout", "State Revision Logger"),
	row(session.Config{
		PreviousKeys: []session.SecretKey{{}}, Lifetime: -1, IdleTimeout: -1, RefreshGrace: time.Hour, Limit: session.SessionLimit{Sessions: -1},
		Tenants: session.TenantDirectoryFunc(nil), RotateGrace: -1,
	}, func(cfg session.Config) (*session.Manager, error) { return session.NewManager(nil, cfg) },
		"store Key PreviousKeys[0] Lifetime IdleTimeout RefreshGrace Limit Tenants RotateGrace", "Grants"),
	row(cachestore.Config{Store: (*memstore.Store)(nil), MaxEntries: -1, Lease: -1}, cachestore.New, "Store Feed MaxEntries Lease", ""),
	row(erasure.Config{UserSteps: []erasure.UserStep{{}}, TenantSteps: []erasure.TenantStep{{}}}, erasure.New, "Sessions Users UserSteps TenantSteps", "Settle"),
	row(redisstore.Config{SealKeys: []session.SecretKey{{}}, Prefix: "{", Timeout: -1, WaitReplicas: -1},
		func(cfg redisstore.Config) (*redisstore.Store, error) { return redisstore.New(nil, cfg) },
		"client NameKey SealKeys[0] Prefix Timeout WaitReplicas", "OnBreaker InsecureAllowEviction Logger"),
	row(redisstore.Config{Timeout: -1}, func(cfg redisstore.Config) (*redisstore.Store, error) { return redisstore.Open("?", cfg) }, "url NameKey SealKeys Timeout", ""),
	row(token.DPoPConfig{Algorithms: []token.Algorithm{"none"}, Window: -1, NonceKey: session.NewSecretKey([]byte("short"))}, token.NewDPoPVerifier, "Origins Algorithms Window NonceKey", ""),
	row(token.VerifierConfig{MaxIssuers: -1, Issuers: []token.Issuer{{Leeway: time.Hour}}}, token.NewVerifierWithConfig,
		"MaxIssuers Issuers[0].Name Issuers[0].Audience Issuers[0].Algorithms Issuers[0].Keys Issuers[0].Leeway", "Resolve CacheSize"),
	row(token.IntrospectorConfig{MaxAtOnce: -1, PerSecond: -1, CacheSize: -1}, token.NewIntrospector, "Form.MinLength, Form.MaxLength Ask MaxAtOnce PerSecond CacheSize", ""),
	row(token.SignerConfig{Lifetime: -1, ClientID: "\n", TenantClaim: "\n", SessionClaim: "\n"}, token.NewSigner,
		"Issuer Audience KeyID Algorithm Key Lifetime ClientID TenantClaim SessionClaim", ""),
	row(token.LogoutConfig{Types: []string{"x"}, MaxLifetime: -1}, func(cfg token.LogoutConfig) (*token.Verifier, error) {
		return token.NewVerifier(token.Issuer{Name: "https://id.example.com", Logout: &cfg})
	}, "Issuers[0].Audience Issuers[0].Algorithms Issuers[0].Keys Issuers[0].Logout.Audience Issuers[0].Logout.Types[0] Issuers[0].Logout.MaxLifetime", "Tenant OptionalExpiry"),
	row(jwks.Config{MaxIssuers: -1}, jwks.New, "MaxIssuers", "RootCAs PublicOnly Logger"),
	row(introspect.Config{}, introspect.NewClient, "URL ClientID Secret", "RootCAs"),
	row(crosstenant.Config{MaxFor: -1}, crosstenant.NewGate, "From Grants Recorder Statuses MaxFor", ""),
	row(job.Config{Keys: []job.Key{{}}, Lifetime: -1}, job.NewSealer, "Queue Keys[0] Lifetime", "Statuses"),
	row(redisscope.Config{}, redisscope.New, "Client SealKeys Statuses", "Scripts OnMismatch"),
	row(rls.Config{Column: "\x00", Tables: map[string]string{"b": "", "a": ""}, Columns: []rls.Column{{Kind: "x"}}},
		func(cfg rls.Config) (string, error) { return rls.SetupSQL(cfg) }, "Owner App Column Tables[a] Tables[b] Columns", "Shared Plain NoRows HandWritten"),
	row(rls.SignerConfig{Key: (*session.SecretKey)(nil), Database: "\x00", Role: "\x00", Lifetime: -1}, rls.NewSigner, "Key KeyID Database Role Lifetime", "Now"),
	row(sqlscope.Config{}, sqlscope.NewConnector, "Connector Context Statuses", ""),
}

// unrefused are configs of which every value is fine.
var unrefused = []any{authz.UncheckedConfig{}}

// aliases are the fields that an error calls by another name, since it is what people write.
var aliases = map[string]string{"SELECT": "Select", "INSERT": "Insert", "UPDATE": "Update", "DELETE": "Delete"}

var (
	noKeys  = []ed25519.PublicKey{nil}
	errMade = errors.New("something was made beside the error")
)

func row[C, T any](cfg C, build func(C) (T, error), wrong, free string) refusal {
	return refusal{cfg, func() error {
		made, err := build(cfg)
		if v := reflect.ValueOf(made); err != nil && v.Kind() == reflect.Pointer && !v.IsNil() {
			return errMade
		}
		return err
	}, strings.Fields(strings.ReplaceAll(wrong, ", ", ",")), strings.Fields(free)}
}

// TestEveryConfigNamesAllThatIsWrong holds the one form of the errors: the package, and a line for each
// problem that begins with its field.
func TestEveryConfigNamesAllThatIsWrong(t *testing.T) {
	for _, r := range refusals {
		typ := reflect.TypeOf(r.cfg)
		err := r.build()
		if err == nil {
			t.Errorf("%s: accepted", typ)
			continue
		}
		pkg := path.Base(typ.PkgPath())
		text, ours := strings.CutPrefix(err.Error(), pkg+": invalid config: ")
		if !ours {
			t.Errorf("%s: %q does not begin with %q", typ, err, pkg+": invalid config: ")
			continue
		}
		var named []string
		for _, line := range strings.Split(text, "\n") {
			field, why, found := strings.Cut(line, ": ")
			if !found || !fieldName.MatchString(field) || strings.TrimSpace(why) == "" {
				t.Errorf("%s: the line %q names no field, or not why", typ, line)
			}
			named = append(named, strings.ReplaceAll(field, ", ", ","))
		}
		for _, field := range r.wrong {
			if !slices.Contains(named, field) {
				t.Errorf("%s: %s is not named in:\n%v", typ, field, err)
			}
		}
		for _, field := range named {
			if !slices.Contains(r.wrong, field) {
				t.Errorf("%s: %s is named, which the row does not say:\n%v", typ, field, err)
			}
		}
	}
}

var fieldName = regexp.MustCompile(`^\w+(\[[^\]]*\])?(\.\w+(\[\d+\])?)*(, \w+(\.\w+)*)?$`)

// TestNoFieldOfAConfigIsForgotten: each is refused in some row, or every value of it is fine.
func TestNoFieldOfAConfigIsForgotten(t *testing.T) {
	fields := map[reflect.Type]map[string]bool{}
	for _, r := range refusals {
		known := fields[reflect.TypeOf(r.cfg)]
		if known == nil {
			known = map[string]bool{}
			fields[reflect.TypeOf(r.cfg)] = known
		}
		for _, list := range [][]string{r.wrong, r.free} {
			for _, named := range list {
				for _, name := range regexp.MustCompile(`\w+`).FindAllString(named, -1) {
					known[name] = true
					known[aliases[name]] = true
				}
			}
		}
	}
	for typ, known := range fields {
		for i := range typ.NumField() {
			if f := typ.Field(i); f.IsExported() && !known[f.Name] {
				t.Errorf("%s.%s: no row refuses a value of it, or says that each is fine", typ, f.Name)
			}
		}
	}
}

// TestEveryConfigHasARow reads the declarations.
func TestEveryConfigHasARow(t *testing.T) {
	listed := map[string]bool{}
	for _, r := range refusals {
		listed[strings.TrimPrefix(reflect.TypeOf(r.cfg).PkgPath(), module)+"."+reflect.TypeOf(r.cfg).Name()] = true
	}
	for _, cfg := range unrefused {
		listed[strings.TrimPrefix(reflect.TypeOf(cfg).PkgPath(), module)+"."+reflect.TypeOf(cfg).Name()] = true
	}
	found := 0
	for dir, text := range sources(t) {
		for _, m := range declaredConfig.FindAllStringSubmatch(text, -1) {
			found++
			if !listed[dir+"."+m[1]] {
				t.Errorf("%s.%s has no row", dir, m[1])
			}
		}
	}
	if found < 40 {
		t.Errorf("found %d configs: the walk is broken", found)
	}
}

var declaredConfig = regexp.MustCompile(`(?m)^type ((?:[A-Z]\w*)?Config) struct`)

const module = "github.com/reevehq/reeve/"

// sources returns the text of each package of the root module that others may import, without tests.
func sources(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..")
	texts := map[string]string{}
	for _, top := range []string{"authz", "middleware", "service", "session", "tenant"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir():
				if _, nested := os.Stat(filepath.Join(p, "go.mod")); nested == nil || d.Name() == "testdata" || d.Name() == "internal" {
					return filepath.SkipDir
				}
				return nil
			case filepath.Ext(p) != ".go" || strings.HasSuffix(p, "_test.go"):
				return nil
			}
			text, err := os.ReadFile(p)
			dir, _ := filepath.Rel(root, filepath.Dir(p))
			texts[filepath.ToSlash(dir)] += string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

func aModel() model.Model {
	m, err := model.NewModelFromString("[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n[role_definition]\ng = _, _\n" +
		"[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n")
	if err != nil {
		panic(err)
	}
	return m
}

func anEngine() *policy.Engine {
	engine, err := policy.Load(policies.Files(), policy.Options{})
	if err != nil {
		panic(err)
	}
	return engine
}
