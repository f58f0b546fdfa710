//go:build unix

package integration_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// slugs is a query that shows what is another tenant's.
const slugs = "SELECT string_agg(slug, ',' ORDER BY slug) FROM project"

// injected are statements of somebody whose SQL is executed under the context of tenant a, with
// $set for a call that changes the setting.
var injected = map[string][]string{
	"WHERE":                {"SELECT slug FROM project WHERE $set IS NOT NULL OR true", slugs},
	"select list":          {"SELECT $set, (SELECT string_agg(slug, ',') FROM project)", slugs},
	"select list, in turn": {"SELECT (SELECT $set), slug FROM project", slugs},
	"CTE":                  {"WITH x AS MATERIALIZED (SELECT $set AS v) SELECT slug FROM x, project"},
	"CTE of a write":       {"WITH x AS (UPDATE project SET slug = slug || '' WHERE $set IS NOT NULL RETURNING slug) SELECT x.slug, p.slug FROM x, project p"},
	"ORDER BY":             {"SELECT slug FROM project ORDER BY $set, slug", slugs},
	"GROUP BY":             {"SELECT max(slug) FROM project GROUP BY slug || $set", slugs},
	"LIMIT":                {"SELECT slug FROM project LIMIT length($set)", slugs},
	"LATERAL":              {"SELECT p.slug FROM (SELECT $set AS v OFFSET 0) x, LATERAL (SELECT slug FROM project WHERE x.v IS NOT NULL OFFSET 0) p"},
	"UNION":                {"SELECT $set UNION ALL SELECT slug FROM project"},
	"RETURNING":            {"INSERT INTO project (slug) VALUES ('x') RETURNING $set, (SELECT string_agg(slug, ',') FROM project)", slugs},
	"DO":                   {"DO $do$ BEGIN PERFORM $set; PERFORM slug FROM project WHERE slug = 'secret-of-b'; IF FOUND THEN RAISE EXCEPTION 'secret-of-b'; END IF; END $do$", slugs},
	"function":             {"CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpgsql AS $f$BEGIN RETURN $set; END$f$", "SELECT pg_temp.f(), slug FROM project", slugs},
	"leaky function":       {"CREATE FUNCTION pg_temp.f(text) RETURNS bool LANGUAGE plpgsql COST 0.0000001 AS $f$BEGIN PERFORM $set; IF $1 = 'secret-of-b' THEN RAISE EXCEPTION 'saw %', $1; END IF; RETURN true; END$f$", "SELECT slug FROM project WHERE pg_temp.f(slug)"},
	"prepared":             {"PREPARE p AS SELECT slug FROM project", "EXECUTE p", "SELECT $set", "EXECUTE p"},
	"cursor":               {"DECLARE c CURSOR FOR SELECT slug FROM project", "FETCH 1 FROM c", "SELECT $set", "FETCH ALL FROM c"},
	"savepoint":            {"SAVEPOINT s", "SELECT $set", "ROLLBACK TO s", slugs},
	"for the session":      {"SELECT $session", slugs},
	// The InitPlans of a statement run when each is needed first: one that has verified says
	// nothing of what a later one reads. One index scan in order, whose rows change the setting.
	"lazy InitPlan": {"SET LOCAL enable_seqscan = off", "SET LOCAL enable_bitmapscan = off",
		"SELECT x.v, p.slug FROM (SELECT $set AS v, id FROM project ORDER BY id OFFSET 0) x LEFT JOIN LATERAL (SELECT slug FROM project WHERE x.v IS NOT NULL OFFSET 0) p ON true"},
	"lazy InitPlan of another table": {"SELECT x.v, t.title FROM (SELECT $set AS v FROM project OFFSET 0) x LEFT JOIN LATERAL (SELECT title FROM task WHERE x.v IS NOT NULL OFFSET 0) t ON true"},
}

// inject runs injected statements with a value for the setting and returns how many showed a
// row of tenant b, and whether each ended in an error.
func (w *rlsFixture) inject(t *testing.T, c rls.Context, setting, value string) (leaks []string, failed int) {
	t.Helper()
	name, own, err := c.Setting(t.Context(), tenant.MustParse("a"))
	if err != nil {
		t.Fatal(err)
	}
	for how, statements := range injected {
		var queries []string
		for _, q := range statements {
			call := func(local string) string { return fmt.Sprintf("set_config('%s', '%s', %s)", setting, value, local) }
			queries = append(queries, strings.NewReplacer("$set", call("true"), "$session", call("false")).Replace(q))
		}
		out, err := w.with(name, own, queries...)
		if err != nil {
			out = err.Error()
			failed++
		}
		if strings.Contains(out, "secret-of-b") {
			leaks = append(leaks, how)
		}
	}
	return leaks, failed
}

func TestInjectedSQLForgesNoSignedContext(t *testing.T) {
	w := newRLSFixture(t, nil)
	w.allowTemporary()
	b := tenant.MustParse("b")
	_, ofB, err := w.signer.Setting(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	_, ofA, err := w.signer.Setting(t.Context(), tenant.MustParse("a"))
	if err != nil {
		t.Fatal(err)
	}
	value := func(cfg rls.SignerConfig) string {
		_, v, err := w.newSigner(cfg).Setting(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	at := func(d time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(d) } }
	other := w.newSigner(rls.SignerConfig{KeyID: "k2", Database: "another", Key: rlsKey})
	bound := w.newSigner(rls.SignerConfig{KeyID: "k3", Role: w.OwnerRole})
	for _, s := range []*rls.Signer{other, bound} {
		if err := s.InstallKey(context.Background(), w.owner); err != nil {
			t.Fatal(err)
		}
	}
	_, ofOther, _ := other.Setting(t.Context(), b)
	_, ofRole, _ := bound.Setting(t.Context(), b)
	parts := strings.Split(ofB, ".")
	join := func(i int, part string) string {
		p := append([]string{}, parts...)
		p[i] = part
		return strings.Join(p, ".")
	}
	mac := parts[4]
	flipped := strings.Map(func(r rune) rune {
		if r == '0' {
			return '1'
		}
		return '0'
	}, mac[:1]) + mac[1:]
	forged := map[string]string{
		"the id alone":          "b",
		"another's tenant":      strings.Replace(ofA, ".a.", ".b.", 1),
		"expired":               value(rls.SignerConfig{Now: at(-time.Hour)}),
		"just expired":          value(rls.SignerConfig{Now: at(-rls.DefaultLifetime - time.Second)}),
		"too long":              value(rls.SignerConfig{Now: at(time.Hour)}),
		"later":                 join(3, parts[3][:len(parts[3])-1]+"9") + "x",
		"another expiry":        join(3, "9"+parts[3][1:]),
		"no expiry":             join(3, ""),
		"huge expiry":           join(3, strings.Repeat("9", 40)),
		"truncated":             ofB[:len(ofB)-1],
		"half a signature":      ofB[:len(ofB)-32],
		"no signature":          join(4, ""),
		"a signature of zeros":  join(4, strings.Repeat("0", 64)),
		"one bit off":           join(4, flipped),
		"upper case":            join(4, strings.ToUpper(mac)),
		"longer":                ofB + "00",
		"a line more":           ofB + "\n",
		"a space before":        " " + ofB,
		"unknown key id":        value(rls.SignerConfig{KeyID: "k9"}),
		"another's key id":      join(1, "k2"),
		"no key id":             join(1, ""),
		"a key of one's own":    value(rls.SignerConfig{Key: keyOf("an attacker's own key, 32 bytes.")}),
		"of another database":   ofOther,
		"of another role":       ofRole,
		"another version":       join(0, "v2"),
		"quotes":                `v1.k1.b'' OR true.1.x`,
		"the derived text":      "v1.k1.b." + parts[3],
		"empty":                 "",
		"another's in capitals": join(2, "B"),
	}
	runs, failed := 0, 0
	for name, value := range forged {
		leaks, n := w.inject(t, w.signer, rls.SignedSetting, value)
		for _, how := range leaks {
			t.Errorf("%s by %s: rows of another tenant", name, how)
		}
		runs, failed = runs+len(injected), failed+n
		// The same as the only context of a statement is an error.
		if out, err := w.with(rls.SignedSetting, value, slugs); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s alone: %q, %v", name, out, err)
		}
	}
	if leaks, _ := w.inject(t, w.signer, rls.PlainSetting, "b"); len(leaks) > 0 {
		t.Errorf("the plain setting counts for a signed context: %v", leaks)
	}
	if failed < runs/2 {
		t.Errorf("%d of %d runs are errors: the statements do not reach the setting", failed, runs)
	}
	t.Logf("%d forged contexts × %d statements: %d errors, the others with rows of the caller's tenant", len(forged), len(injected), failed)
	if _, ofB, err = w.signer.Setting(t.Context(), b); err != nil { // the first one is old on a busy machine
		t.Fatal(err)
	}
	if got, err := w.with(rls.SignedSetting, ofB, slugs); got != "one,secret-of-b" {
		t.Errorf("the right context of b: %q, %v", got, err)
	}
}

// The test above can fail, and here is why a context is signed: the same statements turn the
// plain setting.
func TestInjectedSQLTurnsThePlainSetting(t *testing.T) {
	w := newRLSFixture(t, func(c *rls.Config) { c.Plain = true })
	w.allowTemporary()
	leaks, _ := w.inject(t, rls.Plain(), rls.PlainSetting, "b")
	if len(leaks) < 10 {
		t.Errorf("only %v turn it", leaks)
	}
	t.Logf("%d of %d: %v", len(leaks), len(injected), leaks)
}

func TestTheApplicationCannotGetAtWhatVerifies(t *testing.T) {
	w := newRLSFixture(t, nil)
	w.allowTemporary()
	name, own, err := w.signer.Setting(t.Context(), tenant.MustParse("a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, queries := range [][]string{
		{"SELECT * FROM reeve.context_key"},
		{"INSERT INTO reeve.context_key VALUES ('mine', '', '', '', '')"},
		{"UPDATE reeve.context_key SET database = ''"},
		{"CREATE OR REPLACE FUNCTION reeve.tenant() RETURNS text LANGUAGE sql AS $$SELECT 'b'$$"},
		{"ALTER FUNCTION reeve.tenant() SECURITY INVOKER"},
		{"CREATE TABLE reeve.mine (id int)"},
		{"DROP POLICY reeve_tenant ON project"},
		{"ALTER TABLE project NO FORCE ROW LEVEL SECURITY"},
		{"SET LOCAL row_security = off", slugs},
		{"SET LOCAL ROLE " + w.OwnerRole},
		{"SET SESSION AUTHORIZATION " + w.OwnerRole},
		{"SELECT pg_read_file('base')"},
		{"COPY project TO PROGRAM 'cat'"},
	} {
		if out, err := w.with(name, own, queries...); err == nil {
			t.Errorf("%q: %q", queries, out)
		}
	}
	for _, queries := range [][]string{
		{"RESET reeve.context", slugs}, {"RESET ALL", slugs}, {"SET LOCAL reeve.context = ''", slugs}, {"SET LOCAL reeve.context TO DEFAULT", slugs},
	} {
		if out, err := w.with(name, own, queries...); err == nil {
			t.Errorf("%q without a context: %q", queries, out)
		}
	}
	// Objects that shadow the functions and operators that verify are not found.
	for _, queries := range [][]string{
		{"CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''x''::bytea'", "SET LOCAL search_path = pg_temp, pg_catalog, public", slugs},
		{"CREATE FUNCTION pg_temp.same(bytea, bytea) RETURNS bool LANGUAGE sql AS 'SELECT true'", "CREATE OPERATOR pg_temp.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = pg_temp.same)", "SET LOCAL search_path = pg_temp, pg_catalog, public", slugs},
		{"CREATE FUNCTION pg_temp.current_setting(text, bool) RETURNS text LANGUAGE sql AS 'SELECT ''b'''", "SET LOCAL search_path = pg_temp, pg_catalog, public", slugs},
		{"CREATE TEMP TABLE context_key AS SELECT 'k1' AS id", "SET LOCAL search_path = pg_temp, reeve, public", slugs},
	} {
		if out, err := w.with(name, own, queries...); err != nil || out != "one,two" {
			t.Errorf("%q: %q, %v", queries, out, err)
		}
	}
	// Neither are objects in a schema of the attacker's before the system's.
	w.asSuper(`CREATE SCHEMA mine; GRANT USAGE ON SCHEMA mine TO {app};
		CREATE FUNCTION mine.yes(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
		CREATE FUNCTION mine.yes(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
		CREATE FUNCTION mine.yes(bigint, float8) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
		CREATE FUNCTION mine.none(bit, bit) RETURNS bit LANGUAGE sql IMMUTABLE AS 'SELECT $1';
		CREATE OPERATOR mine.= (LEFTARG = text, RIGHTARG = text, FUNCTION = mine.yes); CREATE OPERATOR mine.~ (LEFTARG = text, RIGHTARG = text, FUNCTION = mine.yes);
		CREATE OPERATOR mine.= (LEFTARG = int, RIGHTARG = int, FUNCTION = mine.yes); CREATE OPERATOR mine.<= (LEFTARG = int, RIGHTARG = int, FUNCTION = mine.yes);
		CREATE OPERATOR mine.> (LEFTARG = bigint, RIGHTARG = float8, FUNCTION = mine.yes); CREATE OPERATOR mine.<= (LEFTARG = bigint, RIGHTARG = float8, FUNCTION = mine.yes);
		CREATE OPERATOR mine.# (LEFTARG = bit, RIGHTARG = bit, FUNCTION = mine.none);
		CREATE FUNCTION mine.bit_count(bit) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 0';
		CREATE FUNCTION mine.sha256(bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT $1';
		CREATE FUNCTION mine.length(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 64';
		CREATE FUNCTION mine.yes(bytea, bytea) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
		CREATE FUNCTION mine.yes(text, name) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
		CREATE FUNCTION mine.yes(timestamptz, timestamptz) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
		CREATE FUNCTION mine.none(bytea, bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$SELECT ''::bytea$$;
		CREATE FUNCTION mine.later(timestamptz, interval) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT 'infinity'::timestamptz$$;
		CREATE FUNCTION mine.more(float8, int) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 4e9::float8';
		CREATE OPERATOR mine.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = mine.yes); CREATE OPERATOR mine.= (LEFTARG = text, RIGHTARG = name, FUNCTION = mine.yes);
		CREATE OPERATOR mine.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = mine.yes); CREATE OPERATOR mine.|| (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = mine.none);
		CREATE OPERATOR mine.+ (LEFTARG = timestamptz, RIGHTARG = interval, FUNCTION = mine.later); CREATE OPERATOR mine./ (LEFTARG = float8, RIGHTARG = int, FUNCTION = mine.more);
		CREATE FUNCTION mine.decode(text, text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$SELECT ''::bytea$$;
		CREATE FUNCTION mine.octet_length(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
		CREATE FUNCTION mine.split_part(text, text, int) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'b'$$;
		CREATE FUNCTION mine.to_timestamp(float8) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT 'infinity'::timestamptz$$;
		CREATE FUNCTION mine.clock_timestamp() RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$SELECT 'infinity'::timestamptz$$;
		CREATE COLLATION mine."C" (provider = icu, locale = 'en-US'); CREATE DOMAIN mine.bytea AS pg_catalog.text; CREATE DOMAIN mine.interval AS pg_catalog.text;
		CREATE FUNCTION mine.current_setting(text, bool) RETURNS text LANGUAGE sql AS $$SELECT 'v1.k1.b.9.0'$$;
		CREATE FUNCTION mine.string_to_array(text, text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$SELECT ARRAY['v1', 'k1', 'b', '9', '0']$$`)
	const path = "SET LOCAL search_path = mine, pg_catalog, public"
	_, own, err = w.signer.Setting(t.Context(), tenant.MustParse("a"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := w.with(name, own, path, slugs); err != nil || out != "one,two" {
		t.Errorf("in another search_path: %q, %v", out, err)
	}
	for _, forged := range []string{strings.Replace(own, ".a.", ".b.", 1), own[:len(own)-64] + strings.Repeat("0", 64), "v1.k1.b.99999999999999." + strings.Repeat("0", 64)} {
		if out, err := w.with(name, forged, path, slugs); err == nil || !strings.Contains(err.Error(), "42501") {
			t.Errorf("%s in another search_path: %q, %v", forged, out, err)
		}
	}
	// Nor does a session whose settings read texts otherwise.
	for _, set := range []string{"standard_conforming_strings = off", "IntervalStyle = 'sql_standard'", "DateStyle = 'SQL, DMY'", "TimeZone = 'Pacific/Kiritimati'", "bytea_output = 'escape'", "transform_null_equals = on", "extra_float_digits = -15", "client_encoding = 'LATIN1'"} {
		db := openSQL(t, w.App()) // new, so that it compiles the functions under the setting
		db.SetMaxOpenConns(1)
		fresh := *w
		fresh.app = db
		_, own, err := w.signer.Setting(t.Context(), tenant.MustParse("a"))
		if err != nil {
			t.Fatal(err)
		}
		for _, forged := range []string{strings.Replace(own, ".a.", ".b.", 1), strings.Replace(own, ".", "-", 1), own[:len(own)-65] + "x" + own[len(own)-64:], own + `\n`} {
			if got, err := fresh.with(name, forged, "SET LOCAL "+set, slugs); err == nil || !strings.Contains(err.Error(), "42501") {
				t.Errorf("%s, %s: %q, %v", set, forged, got, err)
			}
		}
		if got, err := fresh.with(name, own, "SET LOCAL "+set, slugs); err != nil || got != "one,two" {
			t.Errorf("%s: %q, %v", set, got, err)
		}
		_ = db.Close()
	}
	if got := w.asSuper("SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%' || encode((SELECT inner_pad FROM reeve.context_key LIMIT 1), 'hex') || '%'"); got != "0" {
		t.Error("the function holds the key")
	}
}

// The plans and trees that a session may have the server tell have no key in them.
func TestNothingThatASessionIsToldShowsTheKey(t *testing.T) {
	w := newRLSFixture(t, nil)
	cfg, err := pgx.ParseConfig(w.App())
	if err != nil {
		t.Fatal(err)
	}
	var told strings.Builder
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		told.WriteString(n.Message + n.Detail + n.Where + n.InternalQuery)
	}
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	name, own, err := w.signer.Setting(t.Context(), tenant.MustParse("a"))
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"SET client_min_messages = debug5", "SET debug_print_parse = on", "SET debug_print_rewritten = on", "SET debug_print_plan = on", "SET plan_cache_mode = force_custom_plan",
		"SELECT set_config('" + name + "', '" + own + "', false)", "SELECT reeve.tenant()", slugs, "EXPLAIN (ANALYZE, VERBOSE) " + slugs} {
		if _, err := conn.Exec(t.Context(), query); err != nil {
			t.Fatal(query, err)
		}
	}
	if !strings.Contains(told.String(), "PLANNEDSTMT") || !strings.Contains(told.String(), ":paramid") {
		t.Fatalf("it is told no plan of the function: %d bytes", told.Len())
	}
	var inner, outer []byte
	if err := w.owner.QueryRowContext(t.Context(), "SELECT inner_pad, outer_pad FROM reeve.context_key").Scan(&inner, &outer); err != nil {
		t.Fatal(err)
	}
	for _, pad := range [][]byte{inner, outer} {
		signed := make([]int8, 6)
		for i := range signed {
			signed[i] = int8(pad[i])
		}
		for _, form := range []string{strings.Trim(fmt.Sprint(pad[:6]), "[]"), strings.Trim(fmt.Sprint(signed), "[]"), hex.EncodeToString(pad[:6]), string(pad[:6])} { // bytes as trees print them
			if strings.Contains(told.String(), form) {
				t.Errorf("the key is there, as %q", form)
			}
		}
	}
}

// The database accepts what a signer may sign and nothing longer, shorter or of other letters,
// whoever has the key.
func TestEachPartOfAContextHasItsBounds(t *testing.T) {
	w := newRLSFixture(t, nil)
	key := make([]byte, sha256.BlockSize)
	pad := func(with byte) string { return hex.EncodeToString(bytes.Repeat([]byte{with}, len(key))) } // a key of zeros
	long := strings.Repeat("k", tenant.MaxIDLength)
	expiry := fmt.Sprint(time.Now().Add(time.Minute).UnixMilli())
	for _, s := range []struct {
		name, version, keyID, tenant, expiry string
		ok                                   bool
	}{
		{"as a signer signs", "v1", "k", "a", expiry, true},
		{"the longest ids", "v1", long, long, expiry, true},
		{"all letters", "v1", "9Az_-", "0Zz_-", expiry, true},
		{"zeros before the expiry", "v1", "k", "a", strings.Repeat("0", 15-len(expiry)) + expiry, true},
		{"a longer key id", "v1", long + "k", "a", expiry, false},
		{"a longer tenant", "v1", "k", long + "k", expiry, false},
		{"a longer expiry", "v1", "k", "a", strings.Repeat("0", 16-len(expiry)) + expiry, false},
		{"no tenant", "v1", "k", "", expiry, false},
		{"no key id", "v1", "", "a", expiry, false},
		{"no expiry", "v1", "k", "a", "", false},
		{"a tenant that begins with -", "v1", "k", "-a", expiry, false},
		{"a tenant that begins with _", "v1", "k", "_a", expiry, false},
		{"a key id that begins with -", "v1", "-k", "a", expiry, false},
		{"a tenant of another alphabet", "v1", "k", "\u00e4", expiry, false},
		{"a tenant with a space", "v1", "k", "a b", expiry, false},
		{"a tenant with a line", "v1", "k", "a\n", expiry, false},
		{"a tenant of two parts", "v1", "k", "a.b", expiry, false},
		{"an expiry of other digits", "v1", "k", "a", "\u0661" + expiry, false},
		{"an expiry with a sign", "v1", "k", "a", "+" + expiry, false},
		{"a fraction", "v1", "k", "a", expiry + "e1", false},
		{"another version", "v2", "k", "a", expiry, false},
		{"a longer version", "xv1", "k", "a", expiry, false},
	} {
		w.asSuper(fmt.Sprintf("DELETE FROM reeve.context_key WHERE id = '%[1]s'; INSERT INTO reeve.context_key VALUES ('%[1]s', '\\x%[2]s', '\\x%[3]s', '', '')", s.keyID, pad(0x36), pad(0x5c)))
		signed := strings.Join([]string{s.version, s.keyID, s.tenant, s.expiry}, ".")
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(signed))
		tag := hex.EncodeToString(mac.Sum(nil))
		got, err := w.with(rls.SignedSetting, signed+"."+tag, "SELECT reeve.tenant()")
		if s.ok && (err != nil || got != s.tenant) || !s.ok && (err == nil || !strings.Contains(err.Error(), "42501")) {
			t.Errorf("%s: %q, %v", s.name, got, err)
		}
		for _, other := range []string{tag[:63], tag + "0", "", strings.ToUpper(tag), tag + ".", tag[:62], tag[2:], tag + "00", "00" + tag, tag + tag, tag[:62] + "0x", "x" + tag[1:]} {
			if got, err := w.with(rls.SignedSetting, signed+"."+other, "SELECT reeve.tenant()"); err == nil || !strings.Contains(err.Error(), "42501") {
				t.Errorf("%s, with the signature %q: %q, %v", s.name, other, got, err)
			}
		}
	}
}

// Two keys are accepted while one replaces the other, and a removed one no more.
func TestAKeyIsReplacedWithoutAnOutage(t *testing.T) {
	ctx := context.Background()
	w := newRLSFixture(t, nil)
	next := w.newSigner(rls.SignerConfig{KeyID: "k2", Key: keyOf("the key of the next year, 32 by.."), Database: w.Name, Role: w.AppRole})
	read := func(s *rls.Signer) error { _, err := w.as(s, "a", slugs); return err }
	if read(w.signer) != nil || read(next) == nil {
		t.Fatal("before: the first key alone is accepted")
	}
	for range 2 {
		if err := next.InstallKey(ctx, w.owner); err != nil {
			t.Fatal(err)
		}
	}
	if err := read(w.signer); err != nil {
		t.Errorf("the old key during: %v", err)
	}
	if err := read(next); err != nil {
		t.Errorf("the new key during: %v", err)
	}
	for range 2 {
		if err := rls.RemoveKey(ctx, w.owner, "k1"); err != nil {
			t.Fatal(err)
		}
	}
	if read(w.signer) == nil || read(next) != nil {
		t.Error("after: the new key alone is accepted")
	}
	if err := w.signer.InstallKey(ctx, w.app); err == nil {
		t.Error("the application installs a key")
	}
	if err := rls.RemoveKey(ctx, w.app, "k2"); err == nil {
		t.Error("the application removes a key")
	}
}

// The rows that a transaction may read were settled when it began: a long one ends in peace, and the
// next needs a new context.
func TestAContextIsForTransactionsThatBeginSoon(t *testing.T) {
	ctx := context.Background()
	w := newRLSFixture(t, nil)
	short := w.newSigner(rls.SignerConfig{Lifetime: rls.MinLifetime})
	name, value, err := short.Setting(t.Context(), tenant.MustParse("a"))
	if err != nil {
		t.Fatal(err)
	}
	tx, err := w.app.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT set_config($1, $2, true), pg_sleep(1.2)", name, value); err != nil {
		t.Fatal(err)
	}
	if got, err := rowsOf(ctx, tx, slugs); got != "one,two" {
		t.Errorf("in a transaction that began before: %q, %v", got, err)
	}
	if got, err := w.with(name, value, slugs); err == nil {
		t.Errorf("in one that began after: %q", got)
	}
}

// Another connection of the same role sees the text of a statement, but not its parameters.
func TestAnotherConnectionDoesNotShowItsContext(t *testing.T) {
	ctx := context.Background()
	w := newRLSFixture(t, nil)
	tx, err := w.app.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	name, value, err := w.signer.Setting(t.Context(), tenant.MustParse("b"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "SELECT set_config($1, $2, true)", name, value); err != nil {
		t.Fatal(err)
	}
	got, err := w.as(w.signer, "a", "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	if err != nil || !strings.Contains(got, "set_config($1, $2, true)") {
		t.Fatalf("the other's statement is not there: %q, %v", got, err)
	}
	if strings.Contains(got, value) || strings.Contains(got, "v1.k1") {
		t.Error("the other's context is there")
	}
}
