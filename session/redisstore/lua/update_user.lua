#!lua
-- Moves the epoch of a user on, carries the sessions that were live under the one before over to
-- it, and stores what is changed in all of them. See stale.lua.
-- KEYS: user epoch, grants, events
-- ARGV: user epoch, next epoch, sealed change, sealed actor of the request or ''
-- Returns {'ok', epoch}, {'gone'} when there is no epoch, or {'moved'} when there is another one.
local epoch = redis.call('GET', KEYS[1])
if not epoch then return {'gone'} end
local left = redis.call('PTTL', KEYS[1])
if epoch == ARGV[2] and redis.call('HGET', KEYS[2], 'd') == ARGV[3] then -- by this very call
  if left > 0 then redis.call('PEXPIRE', KEYS[2], left) end -- a write that WAIT speaks of, see others.lua
  return {'ok', ARGV[2]}
end
if epoch ~= ARGV[1] then return {'moved'} end
local carried = redis.call('HMGET', KEYS[2], 'at', 'floor', 'stale')
local floor, stale = epoch, false
if carried[1] == epoch and carried[2] then floor, stale = carried[2], carried[3] end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'at', ARGV[2], 'floor', floor, 'd', ARGV[3])
if stale then redis.call('HSET', KEYS[2], 'stale', stale) end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
if left > 0 then redis.call('PEXPIRE', KEYS[2], left) end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'k', 'user-updated', 'o', ARGV[4])
redis.call('PEXPIRE', KEYS[3], 2592000000)
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return {'ok', ARGV[2]}
