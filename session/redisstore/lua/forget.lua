#!lua flags=allow-oom
-- Takes sessions that are dead off the index, at most 100.
-- KEYS: index, order, who acts
-- ARGV: members of the index
-- Returns ok.
redis.call('ZREM', KEYS[1], unpack(ARGV))
redis.call('ZREM', KEYS[2], unpack(ARGV))
redis.call('HDEL', KEYS[3], unpack(ARGV))
return 'ok'
