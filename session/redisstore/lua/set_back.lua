#!lua flags=allow-oom
-- Ends every session of a user of whom Redis does not know all that an instance remembers, by the
-- user's epoch, and announces it. See advance.lua. Where it is changes of sign-ins at providers that
-- are lost, a sign-in which is not known may be one that has ended: that is noted, for as long as
-- ends are kept.
-- KEYS: user epoch, changes, events, index, order, who acts, ends
-- ARGV: last change that is remembered or 0, changes of sign-ins that are remembered or 0
-- Returns {'ok', epoch that was made or nil}.
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local behind = (tonumber(redis.call('HGET', KEYS[7], 'n')) or 0) < tonumber(ARGV[2])
if behind then
  local now = string.format('%.0f', us)
  local cut = math.max(tonumber(redis.call('HGET', KEYS[7], 'cut')) or 0, us)
  redis.call('HSET', KEYS[7], 'n', ARGV[2], 'lost', now, 'cut', string.format('%.0f', cut))
  redis.call('PEXPIRE', KEYS[7], 7776000000, 'NX')
  redis.call('PEXPIRE', KEYS[7], 7776000000, 'GT')
end
local epoch = redis.call('GET', KEYS[1])
if not epoch then return {'ok', false} end
local last = redis.call('GET', KEYS[2])
if not behind and (tonumber(last) or 0) >= tonumber(ARGV[1]) then return {'ok', false} end
local moved = string.format('%.0f', math.max((tonumber(epoch) or 0) + 1, us))
redis.call('SET', KEYS[1], moved, 'KEEPTTL')
redis.call('HSET', KEYS[7], 'cut', moved)
redis.call('PEXPIRE', KEYS[7], 7776000000, 'NX')
redis.call('PEXPIRE', KEYS[7], 7776000000, 'GT')
last = string.format('%.0f', math.max(tonumber(ARGV[1]), (tonumber(last) or 0) + 1, us))
redis.call('SET', KEYS[2], last)
local left = redis.call('PTTL', KEYS[1])
if left > 0 then redis.call('PEXPIRE', KEYS[2], left) end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'k', 'store-behind')
redis.call('PEXPIRE', KEYS[3], 2592000000)
redis.call('UNLINK', KEYS[4], KEYS[5], KEYS[6])
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return {'ok', moved}
