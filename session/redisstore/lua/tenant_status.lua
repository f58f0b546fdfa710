#!lua flags=allow-oom
-- Sets the status of a tenant that is still as it was read, gives it the next version and
-- announces it, and makes the tenant's epoch when there is none. See ensure.lua. A status that
-- differs is an event. So is one that an instance of an earlier version has set, which wrote
-- none: it is not the status that the version is of.
-- KEYS: tenant, events
-- ARGV: active or suspended, status read or '', version read or '', highest version known or 0,
--       sealed actor of the request or ''
-- Returns {'ok', version} or {'conflict'}.
local row = redis.call('HMGET', KEYS[1], 'status', 'sv', 'ss')
if (row[1] or '') ~= ARGV[2] or (row[2] or '') ~= ARGV[3] then return {'conflict'} end
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local version = math.max((tonumber(row[2]) or 0) + 1, tonumber(ARGV[4]) + 1, us)
version = string.format('%.0f', version)
redis.call('HSET', KEYS[1], 'status', ARGV[1], 'sv', version, 'ss', ARGV[1])
redis.call('HSETNX', KEYS[1], 'epoch', string.format('%.0f', us))
if row[1] ~= ARGV[1] or row[3] and row[3] ~= ARGV[1] then
  local kind = 'tenant-suspended'
  if ARGV[1] == 'active' then kind = row[1] and 'tenant-activated' or 'tenant-set-up' end
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'k', kind, 'o', ARGV[5])
  redis.call('PEXPIRE', KEYS[2], 2592000000)
end
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return {'ok', version}
