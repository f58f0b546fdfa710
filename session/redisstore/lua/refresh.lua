#!lua
-- Takes one step of a refresh family, repeats the last one, or ends the session of a
-- family that was presented anything else, which is announced.
--
-- A family that has taken fewer steps than the caller can prove, or than an instance
-- remembers, is behind: Redis was set back. That is noted, nobody takes a step of it any more,
-- and when it is still so after 10 s the session ends. Instances of earlier versions count no
-- steps, so the count is of the step that stands beside it.
-- KEYS: session, last use, user epoch, refresh family, index, order, events, who acts, changes,
--       ends
-- ARGV: user epoch, presented digest, next digest, salt, grace in µs, member of the index,
--       text that no other call has, sealed actor of the request or '', steps before the
--       presented digest, steps that are remembered
-- Returns {'ok' or 'repeated', now in µs, last use in µs, version, sealed record, salt,
--         steps taken or nil, last change of the user or nil}, {'gone'}, {'moved'} when the user
--         has another epoch, {'behind'}, or {'reused' or, for a family that stayed behind, 'ended',
--         last change of the user, link of the session or nil, changes of sign-ins of the user or nil}.
local row = redis.call('HMGET', KEYS[1], 'v', 'd', 'i', 'x', 'p', 'l')
local last = redis.call('GET', KEYS[2])
if not row[1] or not last or row[5] then return {'gone'} end -- p: the user acts as another
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'moved'} end
if not redis.call('ZSCORE', KEYS[5], ARGV[6]) then return {'gone'} end
local family = redis.call('HMGET', KEYS[4], 'cur', 'prev', 'salt', 'at', 'by', 'n', 'na', 'behind')
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local now = string.format('%.0f', us)
local steps = nil
if not family[4] then steps = 0 elseif family[4] == family[7] then steps = tonumber(family[6]) end
local taken = steps and string.format('%.0f', steps) or false
local grace = tonumber(ARGV[5])
local current = family[1] == ARGV[2]
local own = family[1] == ARGV[3] and family[5] == ARGV[7] -- by this very call
local again = family[2] == ARGV[2] and grace > 0 and us - (family[4] or 0) <= grace
local behind = family[8] or steps and tonumber(ARGV[10]) > steps
if not (current or own or again) then behind = behind or steps and tonumber(ARGV[9]) > steps end
local change = tonumber(redis.call('GET', KEYS[9])) or 0
change = string.format('%.0f', math.max(change + 1, us))
local left = redis.call('PTTL', KEYS[3])
if behind and not own and us - (tonumber(family[8]) or us) <= 10000000 then
  if not family[8] then
    redis.call('HSET', KEYS[4], 'behind', now)
    redis.call('PEXPIREAT', KEYS[4], row[4])
  end
  return {'behind'}
end
if own then
  redis.call('PEXPIREAT', KEYS[4], row[4]) -- a write that WAIT speaks of, see others.lua
  return {'ok', now, last, row[1], row[2], ARGV[4], taken, redis.call('GET', KEYS[9])}
end
if current and not behind then
  local idle_end = string.format('%.0f', math.min(math.ceil((us + row[3]) / 1000), tonumber(row[4])))
  steps = string.format('%.0f', math.max(steps or 0, tonumber(ARGV[9])) + 1)
  redis.call('HSET', KEYS[4], 'cur', ARGV[3], 'prev', ARGV[2], 'salt', ARGV[4], 'at', now, 'by', ARGV[7],
    'n', steps, 'na', now)
  redis.call('HSET', KEYS[1], 'g', steps)
  redis.call('SET', KEYS[2], now, 'XX', 'PXAT', idle_end)
  redis.call('ZADD', KEYS[5], 'XX', idle_end, ARGV[6])
  local who = redis.call('HGET', KEYS[8], ARGV[6]) or ''
  redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', 'refreshed', 's', ARGV[6],
    'w', who, 'o', ARGV[8])
  redis.call('PEXPIRE', KEYS[7], 2592000000)
  redis.call('SET', KEYS[9], change)
  if left > 0 then redis.call('PEXPIRE', KEYS[9], left) end
  return {'ok', now, now, row[1], row[2], ARGV[4], steps, change}
end
if again and not behind then
  redis.call('PEXPIREAT', KEYS[4], row[4]) -- a write that WAIT speaks of, see others.lua
  return {'repeated', now, last, row[1], row[2], family[3], taken, false}
end
if not family[1] and not behind then return {'gone'} end -- lost, or never there: no theft
local kind, answer = 'refresh-reused', 'reused'
if behind then kind, answer = 'store-behind', 'ended' end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[4])
redis.call('ZREM', KEYS[5], ARGV[6])
redis.call('ZREM', KEYS[6], ARGV[6])
local who = redis.call('HGET', KEYS[8], ARGV[6]) or ''
redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', kind, 's', ARGV[6],
  'w', who, 'o', ARGV[8])
redis.call('HDEL', KEYS[8], ARGV[6])
redis.call('PEXPIRE', KEYS[7], 2592000000)
if redis.call('HGET', KEYS[10], ARGV[6]) == '0' then redis.call('HSET', KEYS[10], ARGV[6], change) end
redis.call('SET', KEYS[9], change)
if left > 0 then redis.call('PEXPIRE', KEYS[9], left) end
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return {answer, change, row[6], redis.call('HGET', KEYS[10], 'n')}
