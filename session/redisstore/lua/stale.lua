#!lua flags=allow-oom
-- Moves the epoch of a user on, carries the sessions that were live under the one before over to
-- it, and says that the roles of all of them have to be asked anew. A session that is sealed with
-- an epoch from the floor on is carried while the epoch is the one that the floor is of: whatever
-- moves the epoch otherwise, or loses the floor, ends it. See advance.lua.
-- KEYS: user epoch, grants, events
-- ARGV: kind of event, sealed actor of the request or '', deadline in µs
-- Returns {'ok', epoch or nil} or {'late', now in µs}.
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
if us > tonumber(ARGV[3]) then return {'late', string.format('%.0f', us)} end
local epoch = redis.call('GET', KEYS[1])
local moved = false
if epoch then
  moved = string.format('%.0f', math.max((tonumber(epoch) or 0) + 1, us))
  local carried = redis.call('HMGET', KEYS[2], 'at', 'floor')
  local floor = epoch
  if carried[1] == epoch and carried[2] then floor = carried[2] end
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'at', moved, 'floor', floor, 'stale', moved)
  redis.call('SET', KEYS[1], moved, 'KEEPTTL')
  local left = redis.call('PTTL', KEYS[1])
  if left > 0 then redis.call('PEXPIRE', KEYS[2], left) end
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'k', ARGV[1], 'o', ARGV[2])
  redis.call('PEXPIRE', KEYS[3], 2592000000)
end
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return {'ok', moved}
