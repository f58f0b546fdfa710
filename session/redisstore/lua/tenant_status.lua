#!lua flags=allow-oom
-- Sets the status of a tenant and announces it, and makes its epoch when there is none.
-- See ensure.lua.
-- KEYS: tenant
-- ARGV: active or suspended
-- Returns ok.
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'status', ARGV[1])
redis.call('HSETNX', KEYS[1], 'epoch', string.format('%.0f', time[1] * 1000000 + time[2]))
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return 'ok'
