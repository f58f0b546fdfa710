#!lua flags=allow-oom
-- Reads before when sign-ins at a provider are refused, and like load.lua not from a replica.
-- KEYS: hash of the cut
-- Returns the cut in µs, nil for none.
return redis.call('HGET', KEYS[1], 'cut')
