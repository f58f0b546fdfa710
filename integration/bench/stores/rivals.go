//go:build rivals

package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/boj/redistore"
	"github.com/gorilla/sessions"
	"github.com/rbcervilla/redisstore/v9"
	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

func rivals() []store {
	return []store{{"gorilla, boj/redistore", boj}, {"gorilla, rbcervilla/redisstore", rbcervilla}}
}

func boj(_ context.Context, url string, size int) (*kept, error) {
	s, err := redistore.NewRediStoreWithURL(100, url, []byte(strings.Repeat("k-", 16)))
	if err != nil {
		return nil, err
	}
	s.SetKeyPrefix("boj-" + session.NewID().Fingerprint() + ":")
	return gorilla(s, size, s.Close)
}

func rbcervilla(ctx context.Context, url string, size int) (*kept, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	s, err := redisstore.NewRedisStore(ctx, redis.NewClient(options))
	if err != nil {
		return nil, err
	}
	s.KeyPrefix("rbcervilla-" + session.NewID().Fingerprint() + ":")
	return gorilla(s, size, s.Close)
}

// cookie is the name of the session's cookie.
const cookie = "session"

// answer is an answer of which the cookie alone is kept.
type answer struct{ header http.Header }

func (a answer) Header() http.Header            { return a.header }
func (a answer) Write(text []byte) (int, error) { return len(text), nil }
func (a answer) WriteHeader(int)                {}

// gorilla keeps sessions in a store of gorilla/sessions, which asks it once for each request.
func gorilla(in sessions.Store, size int, closing func() error) (*kept, error) {
	k := &kept{close: []func() error{closing}}
	cookies := make([]string, size)
	err := each(size, func(i int) error {
		r, w := &http.Request{Header: http.Header{}}, answer{http.Header{}}
		s, err := in.New(r, cookie)
		if err != nil {
			return err
		}
		s.Values["user"], s.Values["profile"] = user(i), profile(i)
		if err := in.Save(r, w, s); err != nil {
			return err
		}
		set, err := http.ParseSetCookie(w.header.Get("Set-Cookie"))
		if err != nil {
			return err
		}
		cookies[i] = set.Name + "=" + set.Value
		return nil
	})
	if err != nil {
		return nil, err
	}
	open := func(ctx context.Context, i int) (*http.Request, *sessions.Session, error) {
		r := (&http.Request{Header: http.Header{"Cookie": {cookies[i]}}}).WithContext(ctx)
		s, err := in.New(r, cookie)
		if err == nil && s.IsNew {
			err = errors.New("the session is gone")
		}
		if err == nil && s.Values["user"] != user(i) {
			err = errOther
		}
		return r, s, err
	}
	k.load = func(ctx context.Context, i int) error {
		_, _, err := open(ctx, i)
		return err
	}
	k.change = func(ctx context.Context, i int) error {
		r, s, err := open(ctx, i)
		if err != nil {
			return err
		}
		s.Values["changed"] = time.Now().UnixNano()
		return in.Save(r, answer{http.Header{}}, s)
	}
	return k, nil
}
