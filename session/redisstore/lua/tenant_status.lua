#!lua flags=allow-oom
-- Sets the status of a tenant that is still as it was read, gives it the next version and
-- announces it, and makes the tenant's epoch when there is none. See ensure.lua.
-- KEYS: tenant
-- ARGV: active or suspended, status read or '', version read or '', highest version known or 0
-- Returns {'ok', version} or {'conflict'}.
local row = redis.call('HMGET', KEYS[1], 'status', 'sv')
if (row[1] or '') ~= ARGV[2] or (row[2] or '') ~= ARGV[3] then return {'conflict'} end
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local version = math.max((tonumber(row[2]) or 0) + 1, tonumber(ARGV[4]) + 1, us)
version = string.format('%.0f', version)
redis.call('HSET', KEYS[1], 'status', ARGV[1], 'sv', version, 'ss', ARGV[1])
redis.call('HSETNX', KEYS[1], 'epoch', string.format('%.0f', us))
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return {'ok', version}
