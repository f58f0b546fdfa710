//go:build unix

package filters_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant/rls"
)

// readers are the policy of these tests: everybody reads their own, which is asked first, and what
// they review.
const readers = `p, role:authenticated, *, doc, read, r.obj.owner == r.sub.id, allow
p, role:authenticated, *, doc, read, r.obj.reviewer == r.sub.id, allow
p, role:authenticated, *, doc, read, r.obj.status == 'sealed', deny
`

// callerFixture has a row of alice, which comes first, one that she reviews, two of bob and of bob in another
// tenant, and the policies of readers.
func callerFixture(t *testing.T) (w *walled, alice func() (name, value string)) {
	t.Helper()
	w = newWalled(t, []doc{
		{id: "1", tenant: "acme", status: "s", owner: "alice", reviewer: "x"}, {id: "2", tenant: "acme", status: "s", owner: "x", reviewer: "alice"},
		{id: "3-of-bob", tenant: "acme", status: "s", owner: "bob", reviewer: "bob"}, {id: "4-of-bob", tenant: "acme", status: "sealed", owner: "bob", reviewer: "bob"}, {id: "5-of-globex", tenant: "globex", status: "s", owner: "bob", reviewer: "bob"},
	})
	e, err := load(t, readers+grants, attributes)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.install(t, e); err != nil {
		t.Fatal(err)
	}
	of := func(id string) (string, string) {
		name, value, err := w.setting(t, e, policy.Request{Tenant: acme, Subject: policy.Subject{ID: id}})
		if err != nil {
			t.Fatal(err)
		}
		return name, value
	}
	for id, want := range map[string][]string{"alice": {"1", "2"}, "bob": {"3-of-bob"}, "carol": {}} {
		name, value := of(id)
		if got, err := w.with(t.Context(), name, value, "SELECT id FROM doc"); err != nil || !slices.Equal(got, want) {
			t.Fatalf("%s: %q, %v", id, got, err)
		}
	}
	return w, func() (string, string) { return of("alice") }
}

// inOrder has the rows come one by one in the order of their ids, as an index gives them.
var inOrder = []string{"SET LOCAL enable_seqscan = off", "SET LOCAL enable_bitmapscan = off", "SET LOCAL enable_sort = off", "SET LOCAL enable_incremental_sort = off"}

// lazily changes the setting once the first row is there.
func lazily(value string) []string {
	return append(slices.Clone(inOrder), "SELECT id, set_config('"+rls.SignedSetting+"', '"+strings.ReplaceAll(value, "'", "''")+"', true) FROM doc ORDER BY id")
}

// SQL that somebody injects into a statement of alice makes nobody else of her, and the tenant no
// other: an error, or her own rows.
func TestInjectedSQLForgesNoCaller(t *testing.T) {
	w, alice := callerFixture(t)
	_, value := alice()
	_, plain, err := w.signer.Setting(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	head, mac := value[:strings.LastIndexByte(value, '.')], value[strings.LastIndexByte(value, '.')+1:]
	payload := head[strings.IndexByte(head, '{'):]
	forged := map[string]string{
		"another caller":                   strings.ReplaceAll(value, `"alice"`, `"bob"`),
		"another tenant":                   strings.Replace(value, ".acme.", ".globex.", 1),
		"the caller without a signature":   payload,
		"the caller twice":                 head + "." + strings.Replace(payload, "alice", "bob", 1) + "." + mac,
		"the caller before the tenant":     strings.Replace(value, "v2.", "v2."+strings.Replace(payload, "alice", "bob", 1)+".", 1),
		"the signature of a tenant":        head + plain[strings.LastIndexByte(plain, '.'):],
		"a tenant with the caller's":       plain[:strings.LastIndexByte(plain, '.')] + "." + strings.Replace(payload, "alice", "bob", 1) + plain[strings.LastIndexByte(plain, '.'):],
		"a tenant of version 2":            strings.Replace(plain, "v1.", "v2.", 1),
		"a caller of version 1":            strings.Replace(value, "v2.", "v1.", 1),
		"a tenant alone":                   plain, // it is genuine, and says nothing of a caller
		"longer":                           value + "00",
		"no signature":                     head,
		"an empty signature":               head + ".",
		"every flag on":                    strings.ReplaceAll(value, "false", "true") + "0",
		"nothing is denied":                strings.ReplaceAll(strings.ReplaceAll(value, "true", "1"), "false", "true"),
		"a line more":                      value + "\n",
		"another revision, by the replace": strings.Replace(value, `["`, `["0`, 1),
	}
	name, _ := alice()
	for how, f := range forged {
		if f == value {
			t.Fatalf("%s changes nothing", how)
		}
		for _, statements := range [][]string{
			lazily(f),
			{"SELECT set_config('" + name + "', '" + strings.ReplaceAll(f, "'", "''") + "', true)", "SELECT id FROM doc"},
			{"SELECT d.id FROM (SELECT set_config('" + name + "', '" + strings.ReplaceAll(f, "'", "''") + "', true) AS v OFFSET 0) x, LATERAL (SELECT id FROM doc WHERE x.v IS NOT NULL OFFSET 0) d"},
		} {
			_, genuine := alice()
			got, err := w.with(t.Context(), name, genuine, statements...)
			if err == nil && !slices.Equal(got, []string{"1", "2"}) {
				t.Errorf("%s: %q", how, got)
			}
		}
		if got, err := w.with(t.Context(), name, f, "SELECT id FROM doc"); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s alone: %q, %v", how, got, err)
		}
	}
}

// A statement that is verified once is forged: PostgreSQL evaluates what stands in a sub-select when
// it is needed first, and between two of them the statement has changed the setting. So each read
// verifies what it returns.
func TestVerifyingOncePerStatementIsForgeable(t *testing.T) {
	w, alice := callerFixture(t)
	name, value := alice()
	forged := strings.ReplaceAll(value, `"alice"`, `"bob"`)
	got, err := w.with(t.Context(), name, value, lazily(forged)...)
	if err == nil || !strings.Contains(err.Error(), "42501") {
		t.Errorf("each read verifies: %q, %v", got, err)
	}
	// The same policy, whose first sub-select verifies, and the others read.
	generated := w.Exec(w.Super(), "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname = 'reeve_select' AND polrelid = 'doc'::regclass")
	once := strings.ReplaceAll(generated, "reeve.argument(", "unverified(")
	if once == generated {
		t.Fatal(generated)
	}
	w.Exec(w.Owner(), `CREATE FUNCTION unverified(kind text, revision text, n int) RETURNS text LANGUAGE plpgsql STABLE AS $$
		BEGIN RETURN substring(current_setting('reeve.context') from '\{.*\}')::json -> kind ->> n; END$$;
		GRANT EXECUTE ON FUNCTION unverified TO PUBLIC;
		DROP POLICY reeve_select ON doc;
		CREATE POLICY reeve_select ON doc AS RESTRICTIVE FOR SELECT USING ((SELECT reeve.tenant()) IS NOT NULL AND `+once+`)`)
	name, value = alice()
	got, err = w.with(t.Context(), name, value, "SELECT id FROM doc")
	if err != nil || !slices.Equal(got, []string{"1", "2"}) {
		t.Fatalf("honestly: %q, %v", got, err)
	}
	got, err = w.with(t.Context(), name, value, lazily(forged)...)
	if err != nil || !slices.Contains(got, "3-of-bob") {
		t.Errorf("verified once, a statement is not forged: %q, %v; then this test shows nothing", got, err)
	}
}

// A context that is too long, or says nothing that can be read, is refused, whoever has the key.
func TestTheDatabaseBoundsWhatAContextSaysOfACaller(t *testing.T) {
	w, alice := callerFixture(t)
	key := make([]byte, sha256.BlockSize) // of zeros
	pad := func(with byte) string { return hex.EncodeToString(bytes.Repeat([]byte{with}, len(key))) }
	w.Exec(w.Super(), fmt.Sprintf("INSERT INTO reeve.context_key VALUES ('zero', '\\x%s', '\\x%s', '', '')", pad(0x36), pad(0x5c)))
	sign := func(payload string) string {
		signed := fmt.Sprintf("v2.zero.acme.%d.%s", time.Now().Add(time.Minute).UnixMilli(), payload)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(signed))
		return signed + "." + hex.EncodeToString(mac.Sum(nil))
	}
	name, value := alice()
	payload := value[strings.IndexByte(value, '{'):strings.LastIndexByte(value, '.')]
	longest := rls.MaxContextLength - len(sign(payload)) - len(`,"x":""`)
	fill := func(n int) string { return strings.TrimSuffix(payload, "}") + `,"x":"` + strings.Repeat("x", n) + `"}` }
	revision := payload[strings.IndexByte(payload, '[') : strings.IndexByte(payload, '[')+19]
	for how, c := range map[string]struct {
		payload string
		want    []string
		err     string
	}{
		"as it is":                  {payload, []string{"1", "2"}, ""},
		"the longest":               {fill(longest), []string{"1", "2"}, ""},
		"a byte longer":             {fill(longest + 1), nil, "42501"},
		"the policies of no type":   {`{}`, nil, "42501"},
		"of another type":           {strings.Replace(payload, "doc", "document", 1), nil, "42501"},
		"NULL for a type":           {`{"doc":null}`, nil, rls.CodeRevision},
		"no revision":               {`{"doc":[]}`, nil, rls.CodeRevision},
		"another revision":          {strings.Replace(payload, `["`, `["f`, 1), nil, rls.CodeRevision},
		"a revision and no values":  {`{"doc":` + revision + `]}`, []string{}, ""},
		"NULL for all":              {`{"doc":` + revision + `,null,null,null,null,null,null]}`, []string{}, ""},
		"no JSON":                   {`{"doc":`, nil, "42501"},
		"JSON that is not one":      {`{"doc"}`, nil, "22P02"},
		"a flag that is none":       {`{"doc":` + revision + `,"maybe","maybe","maybe","maybe","maybe"]}`, nil, "22P02"},
		"an apostrophe and a quote": {strings.Replace(payload, `"alice"`, `"a'l\"ice"`, 1), []string{"2"}, ""},
	} {
		got, err := w.with(t.Context(), name, sign(c.payload), "SELECT id FROM doc")
		if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) || c.err == "" && (err != nil || !slices.Equal(got, c.want)) {
			t.Errorf("%s: %q, %v", how, got, err)
		}
	}
}
