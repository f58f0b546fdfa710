package session_test

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

func TestOptionsAreRefusedWithTheNameOfTheField(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		opts session.Config
		want string // of the error; "" means accepted
	}{
		"the zero Options":                        {session.Config{}, "Options.Key"},
		"only a key":                              {session.Config{Key: key('k')}, ""},
		"a short key":                             {session.Config{Key: keyOf('k', session.MinKeyLength-1)}, "Options.Key"},
		"a key that was never filled in":          {session.Config{Key: session.NewSecretKey(make([]byte, 32))}, "Options.Key"},
		"a private key":                           {session.Config{Key: session.NewPrivateKey(ed25519.NewKeyFromSeed(make([]byte, 32)))}, "Options.Key"},
		"a short previous key":                    {session.Config{Key: key('k'), PreviousKeys: []session.SecretKey{key('a'), {}}}, "Options.PreviousKeys[1]"},
		"a key that is its own predecessor":       {session.Config{Key: key('k'), PreviousKeys: []session.SecretKey{key('k')}}, "Options.PreviousKeys[0]"},
		"the longest lifetime":                    {session.Config{Key: key('k'), Lifetime: 90 * day}, ""},
		"a lifetime of more":                      {session.Config{Key: key('k'), Lifetime: 90*day + 1}, "Options.Lifetime"},
		"a negative lifetime":                     {session.Config{Key: key('k'), Lifetime: -1}, "Options.Lifetime"},
		"a lifetime below two touches":            {session.Config{Key: key('k'), Lifetime: 29 * time.Second}, "Options.Lifetime"},
		"a short lifetime and no idle timeout":    {session.Config{Key: key('k'), Lifetime: time.Minute}, ""},
		"the shortest idle timeout":               {session.Config{Key: key('k'), IdleTimeout: 30 * time.Second}, ""},
		"an idle timeout of less":                 {session.Config{Key: key('k'), IdleTimeout: 30*time.Second - 1}, "Options.IdleTimeout"},
		"a negative idle timeout":                 {session.Config{Key: key('k'), IdleTimeout: -1}, "Options.IdleTimeout"},
		"an idle timeout as long as the lifetime": {session.Config{Key: key('k'), IdleTimeout: 12 * time.Hour}, ""},
		"a longer idle timeout":                   {session.Config{Key: key('k'), IdleTimeout: 12*time.Hour + 1}, "Options.IdleTimeout"},
		"the longest grace":                       {session.Config{Key: key('k'), RefreshGrace: time.Minute}, ""},
		"a longer grace":                          {session.Config{Key: key('k'), RefreshGrace: time.Minute + 1}, "Options.RefreshGrace"},
		"no grace":                                {session.Config{Key: key('k'), RefreshGrace: -1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := session.NewManager(newStore(t), c.opts)
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
			if err != nil && !strings.Contains(err.Error(), c.want+": ") {
				t.Errorf("the error names no %s: %v", c.want, err)
			}
		})
	}
}

func TestEveryWrongOptionIsReportedAtOnce(t *testing.T) {
	_, err := session.NewManager(newStore(t), session.Config{
		Key: keyOf('s', 5), PreviousKeys: []session.SecretKey{{}}, Lifetime: -1, IdleTimeout: -1, RefreshGrace: time.Hour,
	})
	for _, field := range []string{"Key", "PreviousKeys[0]", "Lifetime", "IdleTimeout", "RefreshGrace"} {
		if err == nil || !strings.Contains(err.Error(), "Options."+field+": ") {
			t.Errorf("%s is not reported: %v", field, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "sssss") {
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
