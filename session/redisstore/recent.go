package redisstore

import (
	"maps"
	"sync"
)

// recent are two maps. When the younger one is full it becomes the older one, and keys that only
// the older one held are forgotten: at least the last limit keys are remembered, and at most twice
// as many. A zero value is not remembered.
type recent[V comparable] struct {
	limit      int
	mu         sync.RWMutex
	young, old map[string]V
	turns      uint64 // how often keys were forgotten
}

// get returns the value of key, the zero value for none.
func (r *recent[V]) get(key string) V {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.held(key)
}

func (r *recent[V]) held(key string) V {
	if value, ok := r.young[key]; ok {
		return value
	}
	return r.old[key]
}

// update replaces the value of key by what next makes of it, and returns it. A key that is
// updated is as good as new.
func (r *recent[V]) update(key string, next func(held V) V) V {
	r.mu.RLock()
	value, young := r.young[key]
	r.mu.RUnlock()
	if young && next(value) == value {
		return value
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	value = next(r.held(key))
	var none V
	if value == none {
		return none
	}
	if _, young := r.young[key]; !young && len(r.young) >= r.limit {
		r.old, r.young = r.young, nil
		r.turns++
	}
	if r.young == nil {
		r.young = make(map[string]V)
	}
	r.young[key] = value
	return value
}

// turned returns how often keys were forgotten to make room.
func (r *recent[V]) turned() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.turns
}

// forget forgets the value of key.
func (r *recent[V]) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, key)
	delete(r.old, key)
}

// only forgets everything but the value of one key.
func (r *recent[V]) only(key string, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.young, r.old = map[string]V{key: value}, nil
}

// all returns a copy of what is remembered.
func (r *recent[V]) all() map[string]V {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make(map[string]V, len(r.old)+len(r.young))
	maps.Copy(all, r.old)
	maps.Copy(all, r.young)
	return all
}

// generations remember the highest number of each key.
type generations struct{ recent[uint64] }

// max raises the value of key to at least value and returns it.
func (g *generations) max(key string, value uint64) uint64 {
	return g.update(key, func(held uint64) uint64 { return max(held, value) })
}
