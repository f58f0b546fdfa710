#!lua flags=allow-oom
-- Reads the index of a user, and like load.lua not from a replica.
-- KEYS: index
-- Returns the members.
return redis.call('ZRANGE', KEYS[1], 0, -1)
