#!lua flags=allow-oom
-- Says whether a key is there, and like load.lua not on a replica.
-- KEYS: the key
-- Returns yes or no.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'yes' end
return 'no'
