//go:build unix

package integration_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
)

// legacy signs alice in n times as a version without limits would: the index and the order are
// put aside before they are full, and together again at the end. Nothing is evicted.
func (f *fixture) legacy(n int) []session.Session { return f.legacyOf(alice, n) }

func (f *fixture) legacyOf(user session.UserID, n int) []session.Session {
	f.Helper()
	before := f.raw.Keys(f.Context(), "*:o").Val()
	ctx := f.Context()
	var all []session.Session
	var aside []string
	var index string
	set := func(name string) string { return index + name }
	stash := func() {
		for _, name := range []string{"i", "o"} {
			to := fmt.Sprintf("%sstash%d-%s", index, len(aside), name)
			if err := f.raw.Rename(ctx, set(name), to).Err(); err != nil {
				f.Fatal(err)
			}
		}
		aside = append(aside, fmt.Sprintf("%sstash%d-", index, len(aside)))
	}
	for i := range n {
		s := draft()
		s.User = user
		s, err := f.store.Create(ctx, s, session.CreateOptions{
			Lifetime: time.Hour, Refresh: digest("first"), Limit: session.SessionLimit{Sessions: session.MaxSessionLimit, Policy: session.EvictOldest},
		})
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, s)
		if index == "" {
			keys, err := f.raw.Keys(ctx, "*:o").Result()
			keys = slices.DeleteFunc(keys, func(key string) bool { return slices.Contains(before, key) })
			if err != nil || len(keys) != 1 {
				f.Fatalf("orders: %v, %v", keys, err)
			}
			index = strings.TrimSuffix(keys[0], "o")
		}
		if i%900 == 899 {
			stash()
		}
	}
	if n%900 != 0 {
		stash()
	}
	for _, name := range []string{"i", "o"} {
		var parts []string
		for _, from := range aside {
			parts = append(parts, from+name)
		}
		if err := f.raw.ZUnionStore(ctx, set(name), &redis.ZStore{Keys: parts}).Err(); err != nil {
			f.Fatal(err)
		}
		f.raw.Del(ctx, parts...)
		f.raw.Expire(ctx, set(name), time.Hour)
	}
	if got := f.raw.ZCard(ctx, set("i")).Val(); got != int64(n) {
		f.Fatalf("%d sessions are in the index, want %d", got, n)
	}
	return all
}

// watcher reads what the server runs.
type watcher struct {
	conn  net.Conn
	mu    sync.Mutex
	runs  [][]string // the commands of each script, the call of the script first
	marks int        // of take, which have been seen
	done  chan struct{}
}

func watch(t *testing.T, addr string) *watcher {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "MONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	w := &watcher{conn: conn, done: make(chan struct{})}
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("MONITOR: %q, %v", line, err)
	}
	go func() {
		defer close(w.done)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			w.mu.Lock()
			switch {
			case strings.Contains(line, `] "ECHO" "mark"`) || strings.Contains(line, `] "echo" "mark"`):
				w.marks++
			case strings.Contains(line, " lua] "):
				if n := len(w.runs); n > 0 {
					w.runs[n-1] = append(w.runs[n-1], line)
				}
			case regexp.MustCompile(`(?i)\] "eval(sha)?" `).MatchString(line):
				w.runs = append(w.runs, []string{line})
			}
			w.mu.Unlock()
		}
	}()
	t.Cleanup(func() { conn.Close(); <-w.done })
	return w
}

// take returns the scripts since the last call. The server reports commands later than it answers
// them, but in the order in which it ran them: a command of ours is the last.
func (w *watcher) take(t *testing.T, raw *redis.Client) [][]string {
	t.Helper()
	w.mu.Lock()
	before := w.marks
	w.mu.Unlock()
	if err := raw.Echo(t.Context(), "mark").Err(); err != nil {
		t.Fatal(err)
	}
	var runs [][]string
	testwait.Until(t, "the server has told of all it ran", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.marks == before {
			return false
		}
		runs, w.runs = w.runs, nil
		return true
	})
	return runs
}

var (
	words    = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	unsorted = map[string]bool{"zrange": true, "xrange": true, "zrangebyscore": true, "hgetall": true, "hkeys": true, "hvals": true, "smembers": true, "lrange": true}
)

// keysOf returns how many keys a script is given.
func keysOf(run []string) int {
	args := words.FindAllString(run[0][strings.Index(run[0], "]")+1:], 3)
	n, _ := strconv.Atoi(strings.Trim(args[2], `"`))
	return n
}

// excess says what a script does with more than a hundred records, if it does.
func excess(run []string) string {
	members := 0
	for i, line := range run {
		var args []string
		for _, word := range words.FindAllString(line[strings.Index(line, "]")+1:], -1) {
			args = append(args, strings.Trim(word, `"`))
		}
		name := strings.ToLower(args[0])
		if i == 0 { // the call: at most record, last use and family of each
			if n := keysOf(run); n > 300+8 {
				return fmt.Sprintf("%d keys", n)
			}
			continue
		}
		members += max(len(args)-2, 1)
		if !unsorted[name] {
			continue
		}
		limit := len(args) - 1
		for n, arg := range args {
			if l := strings.ToLower(arg); l == "limit" && n+2 < len(args) {
				limit, _ = strconv.Atoi(args[n+2])
			} else if l == "count" && n+1 < len(args) {
				limit, _ = strconv.Atoi(args[n+1])
			}
		}
		if !slices.ContainsFunc(args, func(arg string) bool { return strings.EqualFold(arg, "LIMIT") || strings.EqualFold(arg, "COUNT") }) {
			limit = 1 << 30
			if from, err := strconv.Atoi(args[2]); err == nil && len(args) == 4 {
				if to, err := strconv.Atoi(args[3]); err == nil && from >= 0 && to >= from {
					limit = to - from + 1 // places
				}
			}
		}
		if limit > 100 {
			return fmt.Sprintf("%s of up to %d members", strings.Join(args[:min(len(args), 8)], " "), limit)
		}
	}
	// Six commands for each of a hundred that are ended one by one, of some words each.
	if len(run) > 700 || members > 2600 {
		return fmt.Sprintf("%d commands of %d words", len(run), members)
	}
	return ""
}

// aged are the calls of a user of many sessions, those that end them last.
func aged(all []session.Session) []method {
	first, last := all[0], all[len(all)-1]
	var ids []session.ID
	for _, s := range all[:min(len(all), 250)] {
		ids = append(ids, s.ID)
	}
	create := func(limit session.SessionLimit, want error) func(context.Context, *redisstore.Store) error {
		return func(ctx context.Context, s *redisstore.Store) error {
			_, err := s.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first"), Limit: limit})
			if !errors.Is(err, want) {
				return err
			}
			return nil
		}
	}
	return []method{
		{"Load", func(ctx context.Context, s *redisstore.Store) error { _, err := s.Load(ctx, first.Ref()); return err }},
		{"Touch", func(ctx context.Context, s *redisstore.Store) error { return s.Touch(ctx, first.Ref()) }},
		{"Update", func(ctx context.Context, s *redisstore.Store) error { _, err := s.Update(ctx, first); return err }},
		{"List", func(ctx context.Context, s *redisstore.Store) error {
			listed, err := s.List(ctx, acme, alice)
			if err == nil && (len(listed) != min(len(all), session.MaxSessionLimit) || listed[len(listed)-1].ID != last.ID) {
				err = fmt.Errorf("%d sessions are listed", len(listed))
			}
			return err
		}},
		{"Peek at one", func(ctx context.Context, s *redisstore.Store) error {
			_, err := s.Peek(ctx, acme, alice, ids[:1])
			return err
		}},
		{"Peek at 250", func(ctx context.Context, s *redisstore.Store) error {
			seen, err := s.Peek(ctx, acme, alice, ids)
			if err == nil && len(seen) != len(ids) {
				err = fmt.Errorf("%d are seen", len(seen))
			}
			return err
		}},
		{"Events", func(ctx context.Context, s *redisstore.Store) error { _, err := s.Events(ctx, acme, alice); return err }},
		{"Refresh", func(ctx context.Context, s *redisstore.Store) error {
			_, err := s.Refresh(ctx, last.Ref(), session.RefreshStep{Presented: digest("first"), Next: digest("second"), Grace: time.Minute})
			return err
		}},
		{"End", func(ctx context.Context, s *redisstore.Store) error { return s.End(ctx, all[1].Ref(), all[1].Version) }},
		{"Revoke", func(ctx context.Context, s *redisstore.Store) error { return s.Revoke(ctx, all[2].Ref()) }},
		{"Create that is refused", create(session.SessionLimit{Sessions: 3, Policy: session.RejectNew}, session.ErrTooManySessions)},
		{"Create at the highest limit", create(session.SessionLimit{Sessions: session.MaxSessionLimit, Policy: session.EvictOldest}, nil)},
		{"Create by default", create(session.SessionLimit{}, nil)},
		{"List of those who are left", func(ctx context.Context, s *redisstore.Store) error {
			listed, err := s.List(ctx, acme, alice)
			if err == nil && len(listed) != session.DefaultSessionLimit {
				err = fmt.Errorf("%d sessions are listed", len(listed))
			}
			return err
		}},
		{"RevokeOthers of those who are left", func(ctx context.Context, s *redisstore.Store) error { return s.RevokeOthers(ctx, last.Ref()) }},
		{"Create at 1", create(session.SessionLimit{Sessions: 1, Policy: session.EvictOldest}, nil)},
		{"the oldest is dead", func(ctx context.Context, s *redisstore.Store) error {
			if _, err := s.Load(ctx, first.Ref()); !errors.Is(err, session.ErrNotFound) {
				return fmt.Errorf("got %w", err)
			}
			return nil
		}},
		{"RevokeUser", func(ctx context.Context, s *redisstore.Store) error { return s.RevokeUser(ctx, acme, alice) }},
		{"RevokeTenant", func(ctx context.Context, s *redisstore.Store) error { return s.RevokeTenant(ctx, acme) }},
		{"RevokeAll", func(ctx context.Context, s *redisstore.Store) error { return s.RevokeAll(ctx) }},
	}
}

// TestNoScriptWorksOnMoreThanAHundredRecords counts what each call of a user runs who has
// thousands of sessions from before there was a limit.
func TestNoScriptWorksOnMoreThanAHundredRecords(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	all := f.legacy(scale(1400, 20_000)) // four hundreds above session.MaxSessionLimit
	calls := aged(all)
	bobs := f.legacyOf(session.MustParseUserID("bob"), 350)
	calls = slices.Insert(calls, 0, method{"RevokeOthers", func(ctx context.Context, s *redisstore.Store) error {
		return s.RevokeOthers(ctx, bobs[3].Ref())
	}})
	w := watch(t, f.server.Addr())
	for _, call := range calls {
		w.take(t, f.raw)
		if err := call.do(t.Context(), f.store); err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
		runs := w.take(t, f.raw)
		if len(runs) == 0 {
			t.Errorf("%s: no script was seen", call.name)
		}
		for _, run := range runs {
			if what := excess(run); what != "" {
				t.Errorf("%s: %s", call.name, what)
			}
			if n := keysOf(run); call.name == "List" && n > 5+2*25 {
				t.Errorf("%s of more than a hundred: a script has %d keys, which is more than 25 sessions between two calls of others", call.name, n)
			}
		}
	}
}

// A session that ended with a lowered limit stays so where the instance that did it meets a
// Redis that has forgotten it.
func TestALoweredLimitIsRememberedWhenRedisForgetsIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	all := f.legacy(300)
	dump := map[string]string{}
	keys := f.raw.Keys(t.Context(), "*:[io]").Val()
	for _, key := range keys {
		dump[key] = f.raw.Dump(t.Context(), key).Val()
	}
	kept, err := f.store.Create(t.Context(), draft(), session.CreateOptions{
		Lifetime: time.Hour, Limit: session.SessionLimit{Sessions: 2, Policy: session.EvictOldest},
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range dump { // as it was before
		if err := f.raw.RestoreReplace(t.Context(), key, time.Hour, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range all {
		_, err := f.store.Load(t.Context(), s.Ref())
		if i == len(all)-1 && err != nil || i < len(all)-1 && !errors.Is(err, session.ErrNotFound) {
			t.Fatalf("session %d of %d: %v", i, len(all), err)
		}
	}
	if _, err := f.store.Load(t.Context(), kept.Ref()); err != nil && !errors.Is(err, session.ErrNotFound) {
		t.Error(err)
	}
}
