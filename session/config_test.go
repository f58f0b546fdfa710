package session_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func TestOptionsAreRefusedWithTheNameOfTheField(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		cfg  session.Config
		want string // of the error; "" means accepted
	}{
		"the zero Options":                        {session.Config{}, "Key"},
		"only a key":                              {session.Config{Key: key('k')}, ""},
		"a short key":                             {session.Config{Key: keyOf('k', session.MinKeyLength-1)}, "Key"},
		"a key that was never filled in":          {session.Config{Key: session.NewSecretKey(make([]byte, 32))}, "Key"},
		"a private key":                           {session.Config{Key: session.NewPrivateKey(ed25519.NewKeyFromSeed(make([]byte, 32)))}, "Key"},
		"a short previous key":                    {session.Config{Key: key('k'), PreviousKeys: []session.SecretKey{key('a'), {}}}, "PreviousKeys[1]"},
		"a key that is its own predecessor":       {session.Config{Key: key('k'), PreviousKeys: []session.SecretKey{key('k')}}, "PreviousKeys[0]"},
		"the longest lifetime":                    {session.Config{Key: key('k'), Lifetime: 90 * day}, ""},
		"a lifetime of more":                      {session.Config{Key: key('k'), Lifetime: 90*day + 1}, "Lifetime"},
		"a negative lifetime":                     {session.Config{Key: key('k'), Lifetime: -1}, "Lifetime"},
		"a lifetime below two touches":            {session.Config{Key: key('k'), Lifetime: 29 * time.Second}, "Lifetime"},
		"a short lifetime and no idle timeout":    {session.Config{Key: key('k'), Lifetime: time.Minute}, ""},
		"the shortest idle timeout":               {session.Config{Key: key('k'), IdleTimeout: 30 * time.Second}, ""},
		"an idle timeout of less":                 {session.Config{Key: key('k'), IdleTimeout: 30*time.Second - 1}, "IdleTimeout"},
		"a negative idle timeout":                 {session.Config{Key: key('k'), IdleTimeout: -1}, "IdleTimeout"},
		"an idle timeout as long as the lifetime": {session.Config{Key: key('k'), IdleTimeout: 12 * time.Hour}, ""},
		"a longer idle timeout":                   {session.Config{Key: key('k'), IdleTimeout: 12*time.Hour + 1}, "IdleTimeout"},
		"the longest grace":                       {session.Config{Key: key('k'), RefreshGrace: time.Minute}, ""},
		"a longer grace":                          {session.Config{Key: key('k'), RefreshGrace: time.Minute + 1}, "RefreshGrace"},
		"a grace of rotations below 0":            {session.Config{Key: key('k'), RotateGrace: -1}, "RotateGrace"},
		"the longest grace of rotations":          {session.Config{Key: key('k'), RotateGrace: session.MaxRotateGrace}, ""},
		"a longer grace of rotations":             {session.Config{Key: key('k'), RotateGrace: session.MaxRotateGrace + 1}, "RotateGrace"},
		"a directory of nobody":                   {session.Config{Key: key('k'), Tenants: session.TenantDirectoryFunc(nil)}, "Tenants"},
		"a directory with the zero tenant":        {session.Config{Key: key('k'), Tenants: session.ActiveTenants(acme, tenant.ID{})}, "Tenants"},
		"a directory of two that differ by case":  {session.Config{Key: key('k'), Tenants: session.ActiveTenants(acme, globex, tenant.MustParse("ACME"))}, "Tenants"},
		"a directory that has one twice":          {session.Config{Key: key('k'), Tenants: session.ActiveTenants(acme, globex, acme)}, ""},
		"no grace":                                {session.Config{Key: key('k'), RefreshGrace: -1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := session.NewManager(newStore(t), c.cfg)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if m != nil {
				t.Error("a Manager was returned together with the error")
			}
			wantErr(t, "NewManager", err, session.ErrInvalid)
			if err != nil && !strings.HasPrefix(err.Error(), "session: invalid config: "+c.want+": ") {
				t.Errorf("the error names no %s: %v", c.want, err)
			}
		})
	}
}

func TestAllThatIsWrongWithAConfigIsNamed(t *testing.T) {
	_, err := session.NewManager(newStore(t), session.Config{
		Key: keyOf('s', 5), PreviousKeys: []session.SecretKey{{}}, Lifetime: -1, IdleTimeout: -1, RefreshGrace: time.Hour,
		Limit: session.SessionLimit{Sessions: -1, Policy: session.RejectNew},
	})
	wantErr(t, "all wrong", err, session.ErrInvalid)
	text, ours := strings.CutPrefix(err.Error(), "session: invalid config: ")
	lines := strings.Split(text, "\n")
	fields := []string{"Key", "PreviousKeys[0]", "Lifetime", "IdleTimeout", "RefreshGrace", "Limit"}
	if !ours || len(lines) != len(fields) {
		t.Fatalf("got %q, want a line for each of %v", err, fields)
	}
	for i, field := range fields {
		if !strings.HasPrefix(lines[i], field+": ") {
			t.Errorf("line %d is %q, want %s", i, lines[i], field)
		}
	}
	if strings.Contains(err.Error(), "sssss") {
		t.Errorf("the error contains the key: %v", err)
	}
	_, err = session.NewManager(nil, session.Config{Key: key('k')})
	wantErr(t, "no store", err, session.ErrInvalid)
}

// The Manager keeps no slice of the caller's: a buffer that is wiped or used again must
// not change the key.
func TestTheKeysAreCopied(t *testing.T) {
	k := key('k').Bytes()
	m := newManager(t, newStore(t), session.Config{Key: session.NewSecretKey(k)})
	_, token := signIn(t, m)
	clear(k)
	mustRefresh(t, m, token.Reveal())
}
