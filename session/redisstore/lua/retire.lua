#!lua flags=allow-oom
-- Ends one session whose version is still the one that was read, but for that it loads until the
-- grace ends: it is on no list, and its refresh family ends here. See end.lua and load.lua.
-- KEYS: session, last use, refresh family, index, order, events, who acts, user epoch, changes,
--       ends
-- ARGV: member of the index, user epoch, version read, sealed actor of the request or '',
--       next version, sealed record, end of the grace in ms
-- Returns {'ok', last change of the user, link of the session or nil, changes of sign-ins of the
-- user or nil}, {'gone'}, {'moved'} when the user has another epoch,
-- or {'conflict'}.
local row = redis.call('HMGET', KEYS[1], 'v', 'd', 'l')
if row[1] and row[2] == ARGV[6] then -- by this very call
  redis.call('PEXPIREAT', KEYS[1], ARGV[7]) -- a write that WAIT speaks of, see others.lua
  return {'ok', redis.call('GET', KEYS[9]), row[3], redis.call('HGET', KEYS[10], 'n')}
end
if not row[1] or redis.call('EXISTS', KEYS[2]) == 0 then return {'gone'} end
if redis.call('GET', KEYS[8]) ~= ARGV[2] then return {'moved'} end
if not redis.call('ZSCORE', KEYS[4], ARGV[1]) then return {'gone'} end
if row[1] ~= ARGV[3] then return {'conflict'} end
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
redis.call('DEL', KEYS[3])
redis.call('HSET', KEYS[1], 'v', ARGV[5], 'd', ARGV[6], 'x', ARGV[7], 'm', 1)
redis.call('PEXPIREAT', KEYS[1], ARGV[7])
redis.call('SET', KEYS[2], string.format('%.0f', us), 'PXAT', ARGV[7])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[1])
local who = redis.call('HGET', KEYS[7], ARGV[1]) or ''
redis.call('XADD', KEYS[6], 'MAXLEN', '~', 1000, '*', 'k', 'revoked', 's', ARGV[1],
  'w', who, 'o', ARGV[4])
redis.call('HDEL', KEYS[7], ARGV[1])
redis.call('PEXPIRE', KEYS[6], 2592000000)
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
local change = string.format('%.0f', math.max((tonumber(redis.call('GET', KEYS[9])) or 0) + 1, us))
redis.call('SET', KEYS[9], change)
if redis.call('HGET', KEYS[10], ARGV[1]) == '0' then redis.call('HSET', KEYS[10], ARGV[1], change) end
local left = redis.call('PTTL', KEYS[8])
if left > 0 then redis.call('PEXPIRE', KEYS[9], left) end
return {'ok', change, row[3], redis.call('HGET', KEYS[10], 'n')}
