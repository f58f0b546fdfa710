package redisscope

import "strings"

// spans are the commands whose keys stand at fixed places.
var spans = commands(map[span]string{
	{1, 1, 1}: `append bitcount bitfield bitfield_ro bitpos decr decrby dump expire expireat expiretime
		geoadd geodist geohash geopos georadius_ro georadiusbymember_ro geosearch get getbit getdel getex getrange getset
		hdel hexists hget hgetall hincrby hincrbyfloat hkeys hlen hmget hmset hrandfield hscan hset hsetnx hstrlen hvals
		incr incrby incrbyfloat lindex linsert llen lpop lpos lpush lpushx lrange lrem lset ltrim
		persist pexpire pexpireat pexpiretime pfadd psetex pttl publish restore rpop rpush rpushx
		sadd scard set setbit setex setnx setrange sismember smembers smismember spop spublish srandmember srem sscan strlen substr
		ttl type xack xadd xautoclaim xclaim xdel xlen xpending xrange xrevrange xsetid xtrim
		zadd zcard zcount zincrby zlexcount zmscore zpopmax zpopmin zrandmember zrange zrangebylex zrangebyscore zrank zrem
		zremrangebylex zremrangebyrank zremrangebyscore zrevrange zrevrangebylex zrevrangebyscore zrevrank zscan zscore`,
	{1, 2, 1}:  "blmove brpoplpush geosearchstore lcs lmove rename renamenx rpoplpush smove zrangestore",
	{1, -1, 1}: "del exists mget pfcount pfmerge sdiff sdiffstore sinter sinterstore sunion sunionstore touch unlink watch",
	{1, -1, 2}: "mset msetnx",
	{1, -2, 1}: "blpop brpop bzpopmax bzpopmin",
	{2, -1, 1}: "bitop",
})

// numbered are the commands that say how many keys follow.
var numbered = commands(map[count]string{
	{at: 1}:              "lmpop sintercard zdiff zinter zintercard zmpop zunion",
	{at: 2}:              "blmpop bzmpop",
	{at: 2, store: true}: "zdiffstore zinterstore zunionstore",
})

// subcommands are those with a key in third place.
var subcommands = map[string]map[string]bool{
	"object": {"encoding": true, "freq": true, "idletime": true, "refcount": true},
	"xgroup": {"create": true, "createconsumer": true, "delconsumer": true, "destroy": true, "setid": true},
	"xinfo":  {"consumers": true, "groups": true, "stream": true},
	"memory": {"usage": true},
}

func commands[T comparable](names map[T]string) map[string]T {
	m := map[string]T{}
	for rule, list := range names {
		for _, name := range strings.Fields(list) {
			m[name] = rule
		}
	}
	return m
}
