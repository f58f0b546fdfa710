#!lua flags=allow-oom
-- Reads a tenant, and like load.lua not from a replica.
-- KEYS: tenant
-- Returns {status, epoch}, nil for what is not there.
return redis.call('HMGET', KEYS[1], 'status', 'epoch')
