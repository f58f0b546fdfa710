package redisscope

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/tenant"
)

// guard is the hook that every command goes through.
type guard struct {
	scripts map[string]bool // texts and digests
	refused atomic.Uint64
}

// checkedKey marks the context of commands that were checked. Below it the client itself greets
// a server to which it connects.
type checkedKey struct{}

func (g *guard) DialHook(next redis.DialHook) redis.DialHook { return next }

func (g *guard) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		ctx, err := g.check(ctx, cmd)
		if err != nil {
			cmd.SetErr(err)
			return err
		}
		return next(ctx, cmd)
	}
}

func (g *guard) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ctx, err := g.check(ctx, cmds...)
		if err != nil {
			for _, cmd := range cmds {
				cmd.SetErr(err)
			}
			return err
		}
		return next(ctx, cmds)
	}
}

// check returns the context in which the commands may be sent.
func (g *guard) check(ctx context.Context, cmds ...redis.Cmder) (context.Context, error) {
	if ctx.Value(checkedKey{}) != nil {
		for _, cmd := range cmds {
			if !greeting(cmd.Args()) {
				return nil, g.refuse("a command of the client itself that is no greeting")
			}
		}
		return ctx, nil
	}
	id, err := tenant.Require(ctx)
	if err != nil {
		return nil, err
	}
	// MULTI that EXEC does not end would leave the connection in a transaction.
	if n := len(cmds); n > 2 && is(cmds[0], "multi") && is(cmds[n-1], "exec") {
		cmds = cmds[1 : n-1]
	}
	for _, cmd := range cmds {
		keys, err := g.keys(cmd.Args())
		if err != nil {
			return nil, g.refuse(err.Error())
		}
		for _, key := range keys {
			if !owns(id, key) {
				return nil, g.refuse("a key is not the tenant's")
			}
		}
	}
	return context.WithValue(ctx, checkedKey{}, true), nil
}

func (g *guard) refuse(why string) error {
	g.refused.Add(1)
	return fmt.Errorf("%w: %s", ErrRefused, why)
}

func is(cmd redis.Cmder, name string) bool {
	args := cmd.Args()
	if len(args) != 1 {
		return false
	}
	got, ok := text(args[0])
	return ok && strings.EqualFold(got, name)
}

// greeting reports whether a command is one that the client sends on a new connection.
func greeting(args []any) bool {
	if len(args) == 0 {
		return false
	}
	name, _ := text(args[0])
	switch strings.ToLower(name) {
	case "hello", "auth", "select", "readonly":
		return true
	case "client":
		if len(args) < 2 {
			return false
		}
		sub, _ := text(args[1])
		switch strings.ToLower(sub) {
		case "setname", "setinfo", "maint_notifications":
			return true
		}
	}
	return false
}

func scriptsOf(texts []string) map[string]bool {
	m := map[string]bool{}
	for _, s := range texts {
		sum := sha1.Sum([]byte(s)) // the name that Redis gives to a script
		m[s], m[hex.EncodeToString(sum[:])] = true, true
	}
	return m
}
