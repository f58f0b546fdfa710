#!lua
-- Replaces a session by one of another id. The old id and its refresh family end here,
-- which is announced.
-- KEYS: user epoch, index, old session, old last use, old refresh family,
--       new session, new last use, new refresh family, order, events, who acts, changes, ends,
--       and of a provider's sign-in what it is linked to
-- ARGV: user epoch, version read, new version, sealed record, idle timeout in µs,
--       expiry in ms, first refresh digest or '', old and new member of the index, kind of
--       event, sealed actor of the request or '', sealed who acts in the new session or '',
--       sealed id of the new session for the link or '',
--       and what is left of the old session, which loads until a grace ends: sealed record
--       or '', version, end of the grace in ms. See retire.lua
-- Returns {'ok', now in µs, last change of the user, changes of sign-ins of the user or nil},
-- {'gone'}, {'moved'} when the user has another epoch, {'conflict'} or {'exists'}.
local version = redis.call('HGET', KEYS[3], 'v')
if redis.call('HGET', KEYS[6], 'd') == ARGV[4] then -- by this very call
  local used = redis.call('GET', KEYS[7])
  if used then
    redis.call('PEXPIREAT', KEYS[6], ARGV[6]) -- a write that WAIT speaks of, see others.lua
    return {'ok', used, redis.call('GET', KEYS[12]), redis.call('HGET', KEYS[13], 'n')}
  end
end
if not version or redis.call('EXISTS', KEYS[4]) == 0 then return {'gone'} end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'moved'} end
if not redis.call('ZSCORE', KEYS[2], ARGV[8]) then return {'gone'} end
if redis.call('EXISTS', KEYS[6]) == 1 then return {'exists'} end
if version ~= ARGV[2] then return {'conflict'} end
if KEYS[14] and redis.call('HGET', KEYS[14], 'e') then return {'gone'} end -- it is about to end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local idle_end = string.format('%.0f', math.min(math.ceil((now + ARGV[5]) / 1000), tonumber(ARGV[6])))
now = string.format('%.0f', now)
local link = redis.call('HGET', KEYS[3], 'l')
local created = redis.call('ZSCORE', KEYS[9], ARGV[8]) or now
redis.call('DEL', KEYS[5], KEYS[8])
if ARGV[14] == '' then
  redis.call('DEL', KEYS[3], KEYS[4])
else
  redis.call('HSET', KEYS[3], 'v', ARGV[15], 'd', ARGV[14], 'x', ARGV[16], 'm', 1)
  redis.call('HDEL', KEYS[3], 'l') -- its end is no end of the sign-in
  redis.call('PEXPIREAT', KEYS[3], ARGV[16])
  redis.call('SET', KEYS[4], now, 'PXAT', ARGV[16])
end
redis.call('ZREM', KEYS[2], ARGV[8])
redis.call('ZREM', KEYS[9], ARGV[8])
if KEYS[14] and redis.call('HGET', KEYS[14], 'm') == ARGV[8] then
  redis.call('HSET', KEYS[14], 'm', ARGV[9], 'd', ARGV[13])
end
if redis.call('HGET', KEYS[13], ARGV[8]) then
  redis.call('HDEL', KEYS[13], ARGV[8])
  redis.call('HSET', KEYS[13], ARGV[9], '0')
end
redis.call('HSET', KEYS[6], 'v', ARGV[3], 'd', ARGV[4], 'i', ARGV[5], 'x', ARGV[6])
if link then redis.call('HSET', KEYS[6], 'l', link) end
redis.call('PEXPIREAT', KEYS[6], ARGV[6])
redis.call('SET', KEYS[7], now, 'PXAT', idle_end)
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[8], 'cur', ARGV[7])
  redis.call('PEXPIREAT', KEYS[8], ARGV[6])
end
redis.call('ZADD', KEYS[2], idle_end, ARGV[9])
redis.call('PEXPIREAT', KEYS[2], ARGV[6], 'NX')
redis.call('PEXPIREAT', KEYS[2], ARGV[6], 'GT')
redis.call('ZADD', KEYS[9], created, ARGV[9])
redis.call('PEXPIREAT', KEYS[9], ARGV[6], 'NX')
redis.call('PEXPIREAT', KEYS[9], ARGV[6], 'GT')
local who = redis.call('HGET', KEYS[11], ARGV[8]) or ''
redis.call('XADD', KEYS[10], 'MAXLEN', '~', 1000, '*', 'k', ARGV[10], 's', ARGV[8], 'n', ARGV[9],
  'w', who, 'o', ARGV[11])
redis.call('HDEL', KEYS[11], ARGV[8])
if ARGV[12] ~= '' then
  redis.call('HSET', KEYS[11], ARGV[9], ARGV[12])
  redis.call('PEXPIREAT', KEYS[11], ARGV[6], 'NX')
  redis.call('PEXPIREAT', KEYS[11], ARGV[6], 'GT')
end
redis.call('PEXPIRE', KEYS[10], 2592000000)
redis.call('PUBLISH', string.match(KEYS[3], '^[^:]*') .. ':changes', KEYS[3])
local change = tonumber(redis.call('GET', KEYS[12])) or 0
change = string.format('%.0f', math.max(change + 1, tonumber(now)))
redis.call('SET', KEYS[12], change)
local left = redis.call('PTTL', KEYS[1])
if left > 0 then redis.call('PEXPIRE', KEYS[12], left) end
return {'ok', now, change, redis.call('HGET', KEYS[13], 'n')}
