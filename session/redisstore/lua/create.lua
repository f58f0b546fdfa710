#!lua
-- Stores a new session under the epoch it was sealed with, unless that has passed or the
-- user has too many. The index holds until when each session may be live, the order when it
-- was created; a session that the index does not list is dead, whatever else is there, and
-- so is one that has to make room, which is announced. Sessions of others who act as the user
-- are less than 0 in the order, and neither count nor make room.
-- KEYS: session, last use, refresh family, index, user epoch, order, events, who acts
-- ARGV: user epoch, version, sealed record, idle timeout in µs, expiry in ms, now in µs,
--       first refresh digest or '', member of the index, most live sessions or 0,
--       reject or evict, sealed reason of an impersonation or '', place in the order,
--       sealed actor of the request or '', sealed who acts in the session or ''
-- Returns {'ok', member that made room...}, {'exists'}, {'revoked'}, {'full'} or {'late'} when
-- the network delivers it long after the epoch was read.
local time = redis.call('TIME')
if time[1] * 1000000 + time[2] > ARGV[6] + 5000000 then return {'late'} end
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('HGET', KEYS[1], 'd') == ARGV[3] then return {'ok'} end -- by this very call
  return {'exists'}
end
if redis.call('GET', KEYS[5]) ~= ARGV[1] then return {'revoked'} end
local past = '(' .. string.format('%.0f', math.floor(ARGV[6] / 1000))
for _, ended in ipairs(redis.call('ZRANGE', KEYS[4], '-inf', past, 'BYSCORE')) do
  redis.call('ZREM', KEYS[4], ended)
  redis.call('ZREM', KEYS[6], ended)
  redis.call('HDEL', KEYS[8], ended)
end
local evicted = {}
local over = 0
if ARGV[9] ~= '0' then
  local below = '(0'
  over = redis.call('ZCARD', KEYS[4]) - redis.call('ZCOUNT', KEYS[6], '-inf', below) + 1 - ARGV[9]
end
if over > 0 then
  if ARGV[10] ~= 'evict' then return {'full'} end
  evicted = redis.call('ZRANGE', KEYS[6], 0, '+inf', 'BYSCORE', 'LIMIT', 0, over)
  if #evicted < over then return {'full'} end
end
for _, member in ipairs(evicted) do
  redis.call('ZREM', KEYS[4], member)
  redis.call('ZREM', KEYS[6], member)
  local who = redis.call('HGET', KEYS[8], member) or ''
  redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', 'evicted', 's', member,
    'w', who, 'o', ARGV[13])
  redis.call('HDEL', KEYS[8], member)
  redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', string.sub(KEYS[4], 1, -2) .. 's:' .. member)
end
local idle_end = string.format('%.0f', math.min(math.ceil((ARGV[6] + ARGV[4]) / 1000), tonumber(ARGV[5])))
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'd', ARGV[3], 'i', ARGV[4], 'x', ARGV[5])
redis.call('PEXPIREAT', KEYS[1], ARGV[5])
redis.call('SET', KEYS[2], ARGV[6], 'PXAT', idle_end)
redis.call('DEL', KEYS[3])
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[3], 'cur', ARGV[7])
  redis.call('PEXPIREAT', KEYS[3], ARGV[5])
end
redis.call('ZADD', KEYS[4], idle_end, ARGV[8])
redis.call('PEXPIREAT', KEYS[4], ARGV[5], 'NX')
redis.call('PEXPIREAT', KEYS[4], ARGV[5], 'GT')
redis.call('ZADD', KEYS[6], ARGV[12], ARGV[8])
redis.call('PEXPIREAT', KEYS[6], ARGV[5], 'NX')
redis.call('PEXPIREAT', KEYS[6], ARGV[5], 'GT')
if ARGV[14] ~= '' then
  redis.call('HSET', KEYS[8], ARGV[8], ARGV[14])
  redis.call('PEXPIREAT', KEYS[8], ARGV[5], 'NX')
  redis.call('PEXPIREAT', KEYS[8], ARGV[5], 'GT')
end
redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', 'created', 's', ARGV[8],
  'r', ARGV[11], 'w', ARGV[14], 'o', ARGV[13])
redis.call('PEXPIRE', KEYS[7], 2592000000)
return {'ok', unpack(evicted)}
