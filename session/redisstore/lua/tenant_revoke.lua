#!lua flags=allow-oom
-- Moves the epoch of a tenant on. See bump.lua.
-- KEYS: tenant
-- Returns ok.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch then
  local time = redis.call('TIME')
  local moved = math.max((tonumber(epoch) or 0) + 1, time[1] * 1000000 + time[2])
  redis.call('HSET', KEYS[1], 'epoch', string.format('%.0f', moved))
end
return 'ok'
