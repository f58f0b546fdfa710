#!lua flags=allow-oom
-- Ends every session of a user but one, by an epoch that the kept session alone is sealed
-- with: at the same cost whatever their number. All of the user is announced.
-- KEYS: kept session, its last use, user epoch, index, order, events, who acts, ends
-- ARGV: member of the kept session, user epoch, version read, next epoch, next version,
--       sealed record, sealed actor of the request or ''
-- Returns {'ok', user epoch}, {'gone'}, {'moved'} when the user has another epoch, or
-- {'conflict'}. The epoch moves on also where there is no other session: a Redis that is set back
-- has others again, and they are to be dead then.
-- WAIT speaks of the last write of its connection, so a call that is repeated writes as well.
local row = redis.call('HMGET', KEYS[1], 'v', 'd', 'x')
if row[1] and row[2] == ARGV[6] then -- by this very call
  redis.call('PEXPIREAT', KEYS[1], row[3])
  return {'ok', ARGV[4]}
end
if not row[1] or redis.call('EXISTS', KEYS[2]) == 0 then return {'gone'} end
if redis.call('GET', KEYS[3]) ~= ARGV[2] then return {'moved'} end
local live_until = redis.call('ZSCORE', KEYS[4], ARGV[1])
if not live_until then return {'gone'} end
if row[1] ~= ARGV[3] then return {'conflict'} end
local created = redis.call('ZSCORE', KEYS[5], ARGV[1])
local who = redis.call('HGET', KEYS[7], ARGV[1])
redis.call('SET', KEYS[3], ARGV[4], 'KEEPTTL')
redis.call('HSET', KEYS[1], 'v', ARGV[5], 'd', ARGV[6])
redis.call('HSET', KEYS[8], 'cut', ARGV[4])
redis.call('PEXPIRE', KEYS[8], 7776000000, 'NX')
redis.call('PEXPIRE', KEYS[8], 7776000000, 'GT')
redis.call('UNLINK', KEYS[4], KEYS[5], KEYS[7])
redis.call('ZADD', KEYS[4], live_until, ARGV[1])
redis.call('PEXPIREAT', KEYS[4], row[3])
if redis.call('HGET', KEYS[8], ARGV[1]) then redis.call('PEXPIRE', KEYS[4], 15552000000, 'GT') end
if created then
  redis.call('ZADD', KEYS[5], created, ARGV[1])
  redis.call('PEXPIREAT', KEYS[5], row[3])
end
if who then
  redis.call('HSET', KEYS[7], ARGV[1], who)
  redis.call('PEXPIREAT', KEYS[7], row[3])
end
redis.call('XADD', KEYS[6], 'MAXLEN', '~', 1000, '*', 'k', 'others-revoked', 's', ARGV[1],
  'w', who or '', 'o', ARGV[7])
redis.call('PEXPIRE', KEYS[6], 2592000000)
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[3])
return {'ok', ARGV[4]}
