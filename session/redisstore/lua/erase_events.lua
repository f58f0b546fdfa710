#!lua flags=allow-oom
-- Deletes the events of a tenant, but not of one that was opened since: these say by whom.
-- KEYS: tenant, events
-- ARGV: deadline in µs
-- Returns {'ok'}, {'served'} or {'late', now in µs}.
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
if us > tonumber(ARGV[1]) then return {'late', string.format('%.0f', us)} end
if redis.call('HGET', KEYS[1], 'status') ~= 'suspended' then return {'served'} end
redis.call('UNLINK', KEYS[2])
return {'ok'}
