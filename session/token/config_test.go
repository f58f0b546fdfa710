package token_test

import (
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// A user who configures something wrong is told all of it, each with its field.
func TestAllThatIsWrongWithAConfigIsNamed(t *testing.T) {
	wrong := token.Issuer{
		Types: []string{"logout+jwt"}, Leeway: time.Hour, MaxLifetime: time.Millisecond, TenantClaim: "sub", SessionClaim: "iss",
		Logout: &token.LogoutConfig{Types: []string{"at+jwt"}, MaxLifetime: 24 * time.Hour},
	}
	entry := []string{"Name", "Audience", "Algorithms", "Keys", "Types", "Leeway", "MaxLifetime", "Logout.Audience", "Logout.Types[0]", "Logout.MaxLifetime", "TenantClaim", "SessionClaim"}
	inList := []string{"MaxIssuers"}
	for _, field := range entry {
		inList = append(inList, "Issuers[0]."+field)
	}
	for name, c := range map[string]struct {
		make func() error
		want []string
	}{
		"NewVerifierWithConfig": {func() error {
			_, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: []token.Issuer{wrong}, MaxIssuers: -1})
			return err
		}, inList},
		"NewVerifier":  {func() error { _, err := token.NewVerifier(); return err }, []string{"Issuers"}},
		"Verifier.Add": {func() error { return new(token.Verifier).Add(wrong) }, entry},
		"NewSigner": {func() error {
			_, err := token.NewSigner(token.SignerConfig{Lifetime: -1, ClientID: "\n", TenantClaim: "sub", SessionClaim: "iss"})
			return err
		}, []string{"Issuer", "Audience", "KeyID", "Algorithm", "Key", "Lifetime", "ClientID", "TenantClaim", "SessionClaim"}},
		"NewDPoPVerifier": {func() error {
			_, err := token.NewDPoPVerifier(token.DPoPConfig{Algorithms: []token.Algorithm{"none"}, Window: -1, NonceKey: session.NewSecretKey([]byte("short"))})
			return err
		}, []string{"Origins", "Algorithms", "Window", "NonceKey"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.make()
			if err == nil {
				t.Fatal("accepted")
			}
			text, ours := strings.CutPrefix(err.Error(), "token: invalid config: ")
			lines := strings.Split(text, "\n")
			if !ours || len(lines) != len(c.want) {
				t.Fatalf("got %q, want a line for each of %v", err, c.want)
			}
			for i, field := range c.want {
				if !strings.HasPrefix(lines[i], field+": ") {
					t.Errorf("line %d is %q, want %s", i, lines[i], field)
				}
			}
		})
	}
}
