package otelauthz

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/reevehq/reeve/authz"
)

// other stands for what is not told apart.
const other = "other"

// methods are those that are told apart; a client may send any.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// action is that of an event, of a bounded set.
func (t *Telemetry) action(e authz.Event) string {
	if e.Kind == authz.ObjectDecision {
		return t.actions.name(string(e.Action))
	}
	if slices.Contains(methods, string(e.Action)) {
		return string(e.Action)
	}
	return other
}

// object is the route's template or the type of the object, of a bounded set: never an id.
func (t *Telemetry) object(e authz.Event) string {
	name := e.Object
	if e.Kind == authz.ObjectDecision && !strings.HasPrefix(name, "/") {
		name, _, _ = strings.Cut(name, ":")
	}
	if name == "" {
		return "none"
	}
	return t.objects.name(name)
}

// known is a set that grows to a limit.
type known struct {
	max   int
	mu    sync.RWMutex
	names map[string]struct{}
}

func newKnown(limit int) *known { return &known{max: limit, names: map[string]struct{}{}} }

// name returns a name that is known or finds room, and otherwise "other".
func (k *known) name(s string) string {
	k.mu.RLock()
	_, ok := k.names[s]
	full := len(k.names) >= k.max
	k.mu.RUnlock()
	if ok {
		return s
	}
	if full || len(s) > 256 {
		return other
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.names[s]; !ok && len(k.names) >= k.max {
		return other
	}
	k.names[s] = struct{}{}
	return s
}
