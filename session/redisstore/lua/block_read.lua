#!lua flags=allow-oom
-- Reads whether a user is blocked, and like load.lua not from a replica.
-- KEYS: block
-- Returns {1 or 0 or nil, version or nil}.
return redis.call('HMGET', KEYS[1], 'b', 'v')
