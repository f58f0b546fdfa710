package detect

import "container/list"

// lru holds a bounded number of values; the longest unused gives way.
type lru[K comparable, V any] struct {
	max       int
	order     *list.List // of entries, the last used first
	byKey     map[K]*list.Element
	forgotten uint64
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](size int) *lru[K, V] {
	return &lru[K, V]{max: size, order: list.New(), byKey: map[K]*list.Element{}}
}

func (l *lru[K, V]) len() int { return len(l.byKey) }

func (l *lru[K, V]) get(key K) (value V, ok bool) {
	e, ok := l.byKey[key]
	if !ok {
		return value, false
	}
	l.order.MoveToFront(e)
	return e.Value.(entry[K, V]).value, true
}

// put adds a key that is not there.
func (l *lru[K, V]) put(key K, value V) {
	if len(l.byKey) >= l.max {
		oldest := l.order.Back()
		delete(l.byKey, oldest.Value.(entry[K, V]).key)
		l.order.Remove(oldest)
		l.forgotten++
	}
	l.byKey[key] = l.order.PushFront(entry[K, V]{key, value})
}
