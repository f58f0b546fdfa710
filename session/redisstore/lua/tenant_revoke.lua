#!lua flags=allow-oom
-- Moves the epoch of a tenant on and announces it. See advance.lua.
-- KEYS: tenant, events
-- ARGV: sealed actor of the request or '', deadline in µs
-- Returns {'ok', epoch or nil, cut in µs} or {'late', now in µs}.
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
if us > tonumber(ARGV[2]) then return {'late', string.format('%.0f', us)} end
local epoch = redis.call('HGET', KEYS[1], 'epoch')
local moved = false
if epoch then
  moved = string.format('%.0f', math.max((tonumber(epoch) or 0) + 1, us))
  redis.call('HSET', KEYS[1], 'epoch', moved)
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'k', 'tenant-revoked', 'o', ARGV[1])
  redis.call('PEXPIRE', KEYS[2], 2592000000)
end
local cut = string.format('%.0f', math.max((tonumber(redis.call('HGET', KEYS[1], 'cut')) or 0) + 1, us))
redis.call('HSET', KEYS[1], 'cut', cut)
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return {'ok', moved, cut}
