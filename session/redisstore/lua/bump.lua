#!lua flags=allow-oom
-- Moves an epoch on, which ends every session sealed with it. Without an epoch no session
-- is live and there is nothing to end. Both parts of the maximum matter: one more ends
-- sessions also when the clock was set back, and the clock passes values that were lost.
-- KEYS: epoch, and for a user the index, which then lists nothing that is live
-- Returns ok.
local epoch = redis.call('GET', KEYS[1])
if epoch then
  local time = redis.call('TIME')
  local moved = math.max((tonumber(epoch) or 0) + 1, time[1] * 1000000 + time[2])
  redis.call('SET', KEYS[1], string.format('%.0f', moved), 'KEEPTTL')
end
if KEYS[2] then redis.call('UNLINK', KEYS[2]) end
return 'ok'
