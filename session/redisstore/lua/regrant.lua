#!lua
-- Replaces the record of a session that was carried over to the epoch of its user by one that is
-- sealed with it, if its version is still the one that was read. The change is announced.
-- KEYS: session, last use, user epoch, index, events, who acts, changes
-- ARGV: user epoch, version read, new version, sealed record, member of the index,
--       kind of event or '', sealed actor of the request or ''
-- Returns {'ok', last use in µs, last change of the user}, {'gone'}, {'moved'} when the user has
-- another epoch, or {'conflict'}.
local row = redis.call('HMGET', KEYS[1], 'v', 'd', 'x')
local last = redis.call('GET', KEYS[2])
if not row[1] or not last then return {'gone'} end
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'moved'} end
if not redis.call('ZSCORE', KEYS[4], ARGV[5]) then return {'gone'} end
if row[1] ~= ARGV[2] then
  if row[2] == ARGV[4] then -- by this very call
    redis.call('PEXPIREAT', KEYS[1], row[3]) -- a write that WAIT speaks of, see others.lua
    return {'ok', last, redis.call('GET', KEYS[7])}
  end
  return {'conflict'}
end
redis.call('HSET', KEYS[1], 'v', ARGV[3], 'd', ARGV[4])
if ARGV[6] ~= '' then
  local who = redis.call('HGET', KEYS[6], ARGV[5]) or ''
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', 1000, '*', 'k', ARGV[6], 's', ARGV[5],
    'w', who, 'o', ARGV[7])
  redis.call('PEXPIRE', KEYS[5], 2592000000)
end
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local change = string.format('%.0f', math.max((tonumber(redis.call('GET', KEYS[7])) or 0) + 1, us))
redis.call('SET', KEYS[7], change)
local left = redis.call('PTTL', KEYS[3])
if left > 0 then redis.call('PEXPIRE', KEYS[7], left) end
return {'ok', last, change}
