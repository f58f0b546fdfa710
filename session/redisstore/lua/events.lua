#!lua flags=allow-oom
-- Reads at most 100 entries of a stream of events, and like load.lua not from a replica.
-- KEYS: events
-- ARGV: id of the first, '(' before that of the last one read, or '-'
-- Returns the entries, each {id, {field, value, ...}}.
return redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', 100)
