#!lua flags=allow-oom
-- Ends one session whose version is still the one that was read. See revoke.lua.
-- KEYS: session, last use, refresh family, index, order, events, who acts, user epoch, changes,
--       ends
-- ARGV: member of the index, user epoch, version read, sealed actor of the request or ''
-- Returns {'ok', last change of the user, link of the session or nil, changes of sign-ins of the
-- user or nil}, {'gone'}, {'moved'} when the user has another epoch,
-- or {'conflict'}.
local version = redis.call('HGET', KEYS[1], 'v')
if not version or redis.call('EXISTS', KEYS[2]) == 0 then return {'gone'} end
if redis.call('GET', KEYS[8]) ~= ARGV[2] then return {'moved'} end
if not redis.call('ZSCORE', KEYS[4], ARGV[1]) then return {'gone'} end
if version ~= ARGV[3] then return {'conflict'} end
local link = redis.call('HGET', KEYS[1], 'l')
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('ZREM', KEYS[5], ARGV[1])
local who = redis.call('HGET', KEYS[7], ARGV[1]) or ''
redis.call('XADD', KEYS[6], 'MAXLEN', '~', 1000, '*', 'k', 'revoked', 's', ARGV[1],
  'w', who, 'o', ARGV[4])
redis.call('HDEL', KEYS[7], ARGV[1])
redis.call('PEXPIRE', KEYS[6], 2592000000)
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local change = string.format('%.0f', math.max((tonumber(redis.call('GET', KEYS[9])) or 0) + 1, us))
redis.call('SET', KEYS[9], change)
if redis.call('HGET', KEYS[10], ARGV[1]) == '0' then redis.call('HSET', KEYS[10], ARGV[1], change) end
local left = redis.call('PTTL', KEYS[8])
if left > 0 then redis.call('PEXPIRE', KEYS[9], left) end
return {'ok', change, link, redis.call('HGET', KEYS[10], 'n')}
