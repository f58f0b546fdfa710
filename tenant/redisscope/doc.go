// Package redisscope keeps the commands of a request on the keys of its tenant. A [Client] sends
// a command only when every key in it begins with the tenant's prefix, which [Client.Key] gives:
//
//	cache, err := redisscope.New(redisscope.Config{Client: rdb, SealKeys: keys, Statuses: sessions})
//	key, err := cache.Key(ctx, "basket:7")
//	err = cache.HSet(ctx, key, "item", 3).Err()
//
// Which arguments are keys is read from a table, which the tests hold against a real server. A
// command that is not in it is refused, as are those that name no key and show or change those of
// others (SCAN, KEYS, RANDOMKEY, DBSIZE, FLUSHALL, CONFIG, CLIENT, SELECT, MOVE and so on). Nothing
// is sent then, also of a pipeline with one such command. The commands work as they do without
// this package: nothing is rewritten.
//
// A client that lost count hands the reply of one command to the caller of another, as redis-py
// and go-redis have done. So [Client.SetSealed] stores the tenant and the key with each value,
// and [Client.GetSealed] gives a value only to those it was stored for.
//
// Whether the tenant may be served is asked by the middleware and by [tenant.Bind], not for each
// command.
package redisscope
