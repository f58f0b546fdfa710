package redisscope

import (
	"errors"
	"strconv"
	"strings"
)

var (
	errUnknown  = errors.New("not a command that stays within the keys that it names")
	errForm     = errors.New("arguments of a form that is not known")
	errScript   = errors.New("a script that is not in Config.Scripts")
	errPattern  = errors.New("BY and GET reach keys that are not named")
	errDatabase = errors.New("another database")
)

// keys returns the keys of a command, and the channel of one that publishes. An error means that
// the command is refused.
func (g *guard) keys(args []any) ([]string, error) {
	if len(args) == 0 {
		return nil, errUnknown
	}
	name, ok := text(args[0])
	if !ok {
		return nil, errUnknown
	}
	name = strings.ToLower(name)
	if s, ok := spans[name]; ok {
		return s.keys(args)
	}
	if sub, ok := subcommands[name]; ok && len(args) > 2 {
		if second, ok := text(args[1]); ok && sub[strings.ToLower(second)] {
			return span{2, 2, 1}.keys(args)
		}
		return nil, errUnknown
	}
	if n, ok := numbered[name]; ok {
		return n.keys(args)
	}
	switch name {
	case "ping", "echo", "time", "unwatch", "wait":
		return nil, nil
	case "xread", "xreadgroup":
		return streams(name, args)
	case "sort", "sort_ro":
		return sorted(args)
	case "georadius":
		return radius(args, 6)
	case "georadiusbymember":
		return radius(args, 5)
	case "copy":
		return copied(args)
	case "eval", "eval_ro", "evalsha", "evalsha_ro":
		return g.script(name, args)
	case "script":
		return nil, g.scripting(args)
	}
	return nil, errUnknown
}

// text returns an argument as it is sent. Types whose form on the wire this package would have
// to guess are none.
func text(arg any) (string, bool) {
	switch v := arg.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	case int:
		return strconv.Itoa(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case int32:
		return strconv.FormatInt(int64(v), 10), true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	}
	return "", false
}

// span is where the keys stand: from first to last, which counts from the end when negative.
type span struct{ first, last, step int }

func (s span) keys(args []any) ([]string, error) {
	last := s.last
	if last < 0 {
		last += len(args)
	}
	if last < s.first || last >= len(args) || s.step == 2 && (len(args)-s.first)%2 != 0 {
		return nil, errForm
	}
	var keys []string
	for i := s.first; i <= last; i += s.step {
		key, ok := text(args[i])
		if !ok {
			return nil, errForm
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// count is where the number of keys stands that follow it, and whether a key to store at stands
// first.
type count struct {
	at    int
	store bool
}

func (c count) keys(args []any) ([]string, error) {
	n, err := number(args, c.at)
	if err != nil {
		return nil, err
	}
	keys, err := span{c.at + 1, c.at + n, 1}.keys(args)
	if err != nil || !c.store {
		return keys, err
	}
	store, err := span{1, 1, 1}.keys(args)
	return append(store, keys...), err
}

func number(args []any, at int) (int, error) {
	if at >= len(args) {
		return 0, errForm
	}
	s, ok := text(args[at])
	n, err := strconv.Atoi(s)
	if !ok || err != nil || strconv.Itoa(n) != s || n < 1 || n > len(args) {
		return 0, errForm
	}
	return n, nil
}

// options reads what follows in args from at on: each option has as many values as named says.
// It stops at stop, whose position it returns.
func options(args []any, at int, named map[string]int, stop string, each func(name string, at int) error) (int, error) {
	for at < len(args) {
		name, ok := text(args[at])
		name = strings.ToLower(name)
		if ok && stop != "" && name == stop {
			return at, nil
		}
		n, known := named[name]
		if !ok || !known || at+n >= len(args) {
			return 0, errForm
		}
		if name == "count" || name == "block" || name == "limit" {
			// A word in a number's place is read by some as the option that it names.
			for _, value := range args[at+1 : at+1+n] {
				if s, ok := text(value); !ok || !isInteger(s) {
					return 0, errForm
				}
			}
		}
		if each != nil {
			if err := each(name, at); err != nil {
				return 0, err
			}
		}
		at += 1 + n
	}
	if stop != "" {
		return 0, errForm
	}
	return at, nil
}

func isInteger(s string) bool {
	_, err := strconv.ParseInt(s, 10, 64)
	return err == nil
}

func streams(name string, args []any) ([]string, error) {
	at, named := 1, map[string]int{"count": 1, "block": 1}
	if name == "xreadgroup" {
		if group, ok := text(arg(args, 1)); !ok || !strings.EqualFold(group, "group") || len(args) < 5 {
			return nil, errForm
		}
		at, named["noack"] = 4, 0
	}
	at, err := options(args, at, named, "streams", nil)
	rest := len(args) - at - 1
	if err != nil || rest < 2 || rest%2 != 0 {
		return nil, errForm
	}
	return span{at + 1, at + rest/2, 1}.keys(args)
}

func sorted(args []any) ([]string, error) {
	keys, err := span{1, 1, 1}.keys(args)
	if err != nil {
		return nil, err
	}
	_, err = options(args, 2, map[string]int{"by": 1, "limit": 2, "get": 1, "asc": 0, "desc": 0, "alpha": 0, "store": 1}, "", func(name string, at int) error {
		if name == "by" || name == "get" {
			return errPattern
		}
		if name == "store" {
			store, err := span{at + 1, at + 1, 1}.keys(args)
			keys = append(keys, store...)
			return err
		}
		return nil
	})
	return keys, err
}

func radius(args []any, from int) ([]string, error) {
	keys, err := span{1, 1, 1}.keys(args)
	if err != nil || len(args) < from {
		return nil, errForm
	}
	named := map[string]int{"withcoord": 0, "withdist": 0, "withhash": 0, "count": 1, "any": 0, "asc": 0, "desc": 0, "store": 1, "storedist": 1}
	_, err = options(args, from, named, "", func(name string, at int) error {
		if name == "store" || name == "storedist" {
			if len(keys) > 1 { // the last counts, on some servers
				return errForm
			}
			store, err := span{at + 1, at + 1, 1}.keys(args)
			keys = append(keys, store...)
			return err
		}
		return nil
	})
	return keys, err
}

func copied(args []any) ([]string, error) {
	if _, err := options(args, 3, map[string]int{"replace": 0, "db": 1}, "", func(name string, _ int) error {
		if name == "db" {
			return errDatabase
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return span{1, 2, 1}.keys(args)
}

// script returns the keys of a script that the service wrote. Without one it has no business here.
func (g *guard) script(name string, args []any) ([]string, error) {
	s, ok := text(arg(args, 1))
	if strings.HasPrefix(name, "evalsha") {
		s = strings.ToLower(s)
		ok = ok && len(s) == 40
	}
	if !ok || !g.scripts[s] {
		return nil, errScript
	}
	return count{at: 2}.keys(args)
}

func (g *guard) scripting(args []any) error {
	sub, ok := text(arg(args, 1))
	switch {
	case ok && strings.EqualFold(sub, "exists"):
		return nil
	case ok && strings.EqualFold(sub, "load") && len(args) == 3:
		if s, ok := text(args[2]); ok && g.scripts[s] {
			return nil
		}
		return errScript
	}
	return errUnknown
}

// arg is nil, which is no text, where there is none.
func arg(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}
