#!lua
-- Replaces the record of a session whose version is still the one that was read. The last
-- use stays; a new idle timeout counts from it. The change is announced.
-- KEYS: session, last use, user epoch, index, events, who acts, refresh family, changes
-- ARGV: user epoch, version read, new version, sealed record, idle timeout in µs,
--       member of the index, sealed actor of the request or '', and where the user begins to
--       act as another, which ends the refresh family: sealed who acts and reason, otherwise '',
--       kind of event of any other change
-- Returns {'ok', last use in µs, last change of the user}, {'gone'}, {'moved'} when the user has
-- another epoch, or {'conflict'}.
local row = redis.call('HMGET', KEYS[1], 'v', 'x')
local last = redis.call('GET', KEYS[2])
if not row[1] or not last then return {'gone'} end
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'moved'} end
if not redis.call('ZSCORE', KEYS[4], ARGV[6]) then return {'gone'} end
if row[1] ~= ARGV[2] then
  if redis.call('HGET', KEYS[1], 'd') == ARGV[4] then -- by this very call
    redis.call('PEXPIREAT', KEYS[1], row[2]) -- a write that WAIT speaks of, see others.lua
    return {'ok', last, redis.call('GET', KEYS[8])}
  end
  return {'conflict'}
end
local idle_end = string.format('%.0f', math.min(math.ceil((last + ARGV[5]) / 1000), tonumber(row[2])))
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'd', ARGV[4], 'i', ARGV[5])
redis.call('PEXPIREAT', KEYS[2], idle_end)
redis.call('ZADD', KEYS[4], 'XX', idle_end, ARGV[6])
local kind = ARGV[10]
if ARGV[8] ~= '' then
  kind = 'impersonated'
  redis.call('HSET', KEYS[1], 'p', 1)
  redis.call('DEL', KEYS[7])
  redis.call('HSET', KEYS[6], ARGV[6], ARGV[8])
  redis.call('PEXPIREAT', KEYS[6], row[2], 'NX')
  redis.call('PEXPIREAT', KEYS[6], row[2], 'GT')
end
local who = redis.call('HGET', KEYS[6], ARGV[6]) or ''
redis.call('XADD', KEYS[5], 'MAXLEN', '~', 1000, '*', 'k', kind, 's', ARGV[6],
  'r', ARGV[9], 'w', who, 'o', ARGV[7])
redis.call('PEXPIRE', KEYS[5], 2592000000)
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local change = string.format('%.0f', math.max((tonumber(redis.call('GET', KEYS[8])) or 0) + 1, us))
redis.call('SET', KEYS[8], change)
local left = redis.call('PTTL', KEYS[3])
if left > 0 then redis.call('PEXPIRE', KEYS[8], left) end
return {'ok', last, change}
