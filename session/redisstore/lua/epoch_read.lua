#!lua flags=allow-oom
-- Reads an epoch, and like load.lua not from a replica.
-- KEYS: epoch
-- Returns the epoch, nil when it is not there.
return redis.call('GET', KEYS[1])
