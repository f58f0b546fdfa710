#!lua
-- Takes one step of a refresh family, repeats the last one, or ends the session of a
-- family that was presented anything else, which is announced.
-- KEYS: session, last use, user epoch, refresh family, index, order, events, who acts
-- ARGV: user epoch, presented digest, next digest, salt, grace in µs, member of the index,
--       text that no other call has, sealed actor of the request or ''
-- Returns {'ok' or 'repeated', now in µs, last use in µs, version, sealed record, salt},
--         {'gone'} or {'reused'}.
local row = redis.call('HMGET', KEYS[1], 'v', 'd', 'i', 'x', 'p')
local last = redis.call('GET', KEYS[2])
if not row[1] or not last or row[5] then return {'gone'} end -- p: the user acts as another
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'gone'} end
if not redis.call('ZSCORE', KEYS[5], ARGV[6]) then return {'gone'} end
local family = redis.call('HMGET', KEYS[4], 'cur', 'prev', 'salt', 'at', 'by')
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local now = string.format('%.0f', us)
if family[1] == ARGV[2] then
  local idle_end = string.format('%.0f', math.min(math.ceil((us + row[3]) / 1000), tonumber(row[4])))
  redis.call('HSET', KEYS[4], 'cur', ARGV[3], 'prev', ARGV[2], 'salt', ARGV[4], 'at', now, 'by', ARGV[7])
  redis.call('SET', KEYS[2], now, 'XX', 'PXAT', idle_end)
  redis.call('ZADD', KEYS[5], 'XX', idle_end, ARGV[6])
  local who = redis.call('HGET', KEYS[8], ARGV[6]) or ''
  redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', 'refreshed', 's', ARGV[6],
    'w', who, 'o', ARGV[8])
  redis.call('PEXPIRE', KEYS[7], 2592000000)
  return {'ok', now, now, row[1], row[2], ARGV[4]}
end
if family[1] == ARGV[3] and family[5] == ARGV[7] then -- by this very call
  return {'ok', now, last, row[1], row[2], ARGV[4]}
end
local grace = tonumber(ARGV[5])
if family[2] == ARGV[2] and grace > 0 and us - family[4] <= grace then
  return {'repeated', now, last, row[1], row[2], family[3]}
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[4])
redis.call('ZREM', KEYS[5], ARGV[6])
redis.call('ZREM', KEYS[6], ARGV[6])
local who = redis.call('HGET', KEYS[8], ARGV[6]) or ''
redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', 'refresh-reused', 's', ARGV[6],
  'w', who, 'o', ARGV[8])
redis.call('HDEL', KEYS[8], ARGV[6])
redis.call('PEXPIRE', KEYS[7], 2592000000)
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return {'reused'}
