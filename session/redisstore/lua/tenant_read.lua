#!lua flags=allow-oom
-- Reads a tenant, and like load.lua not from a replica. The version of the status only grows.
-- Instances of earlier versions set the status alone, so the status that the version is of
-- stands beside it.
-- KEYS: tenant
-- Returns {status, epoch, version of the status, status of that version, epoch that sessions are
-- carried over to, floor}, nil for what is not there. See tenant_stale.lua.
return redis.call('HMGET', KEYS[1], 'status', 'epoch', 'sv', 'ss', 'ga', 'gf')
