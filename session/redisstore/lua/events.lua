#!lua flags=allow-oom
-- Reads a stream of events, and like load.lua not from a replica.
-- KEYS: events
-- Returns the entries, each {id, {field, value, ...}}.
return redis.call('XRANGE', KEYS[1], '-', '+')
