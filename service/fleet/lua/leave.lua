#!lua flags=allow-oom
-- KEYS: ends, records
-- ARGV: the instance
-- Result: how many left.
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
