#!lua flags=allow-oom
-- Says whether something was used, and like load.lua not on a replica.
-- KEYS: what may have been used
-- Returns yes or no.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'yes' end
return 'no'
