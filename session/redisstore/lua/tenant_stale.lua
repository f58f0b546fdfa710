#!lua flags=allow-oom
-- Moves the epoch of a tenant on, and carries the sessions that were live under the one before
-- over to it, whose roles have to be asked anew. See stale.lua.
-- KEYS: tenant, events
-- ARGV: sealed actor of the request or '', deadline in µs
-- Returns {'ok', epoch or nil} or {'late', now in µs}.
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
if us > tonumber(ARGV[2]) then return {'late', string.format('%.0f', us)} end
local row = redis.call('HMGET', KEYS[1], 'epoch', 'ga', 'gf')
local epoch = row[1]
local moved = false
if epoch then
  moved = string.format('%.0f', math.max((tonumber(epoch) or 0) + 1, us))
  local floor = epoch
  if row[2] == epoch and row[3] then floor = row[3] end
  redis.call('HSET', KEYS[1], 'epoch', moved, 'ga', moved, 'gf', floor)
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'k', 'tenant-stale', 'o', ARGV[1])
  redis.call('PEXPIRE', KEYS[2], 2592000000)
end
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return {'ok', moved}
