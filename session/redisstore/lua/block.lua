#!lua flags=allow-oom
-- Blocks a user, which ends every session of theirs like advance.lua, or lifts that, where the user
-- is still as was read. Each is a version, which only grows. One that is put back is made only where
-- an earlier one is.
-- KEYS: block, user epoch, events, ends, and, but before an erasure, which reads them, index, order and
--       who acts, which then list nothing that is live
-- ARGV: 1 to block or 0 to lift it, version to put back or 0, highest version known or 0, sealed
--       actor of the request or '', for how many ms a cut is kept, version read or '', or any for
--       whatever it is, deadline in µs or 0
-- Returns {'ok', version, whether the user is blocked as 1 or 0, epoch or nil, cut or nil},
-- {'late', now in µs} or {'conflict'}.
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
if ARGV[7] ~= '0' and us > tonumber(ARGV[7]) then return {'late', string.format('%.0f', us)} end
local row = redis.call('HMGET', KEYS[1], 'b', 'v')
if ARGV[6] ~= 'any' and ARGV[6] ~= (row[2] or '') then return {'conflict'} end
local was = row[1] or '0'
local version = tonumber(row[2]) or 0
if ARGV[2] ~= '0' then
  if version >= tonumber(ARGV[2]) then return {'ok', row[2], was, false, false} end
  version = ARGV[2]
else
  version = string.format('%.0f', math.max(version + 1, tonumber(ARGV[3]) + 1, us))
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'b', ARGV[1], 'v', version)
if ARGV[1] == '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  if was == '1' and redis.call('EXISTS', KEYS[2]) == 1 then
    redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'k', 'unblocked', 'o', ARGV[4])
    redis.call('PEXPIRE', KEYS[3], 2592000000)
  end
  return {'ok', version, '0', false, false}
end
local cut = string.format('%.0f', math.max((tonumber(redis.call('HGET', KEYS[4], 'cut')) or 0) + 1, us))
redis.call('HSET', KEYS[4], 'cut', cut)
redis.call('PEXPIRE', KEYS[4], ARGV[5], 'NX')
redis.call('PEXPIRE', KEYS[4], ARGV[5], 'GT')
local epoch = redis.call('GET', KEYS[2])
local moved = false
if epoch then
  moved = string.format('%.0f', math.max((tonumber(epoch) or 0) + 1, us))
  redis.call('SET', KEYS[2], moved, 'KEEPTTL')
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'k', 'blocked', 'o', ARGV[4])
  redis.call('PEXPIRE', KEYS[3], 2592000000)
end
if KEYS[5] then redis.call('UNLINK', KEYS[5], KEYS[6], KEYS[7]) end
redis.call('PUBLISH', string.match(KEYS[2], '^[^:]*') .. ':changes', KEYS[2])
return {'ok', version, '1', moved, cut}
