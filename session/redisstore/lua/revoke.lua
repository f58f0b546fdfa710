#!lua flags=allow-oom
-- Ends one session and its refresh family.
-- KEYS: session, last use, refresh family, index
-- ARGV: member of the index
-- Returns ok.
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('ZREM', KEYS[4], ARGV[1])
return 'ok'
