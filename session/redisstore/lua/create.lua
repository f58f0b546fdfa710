#!lua
-- Stores a new session under the epoch it was sealed with, unless that has passed.
-- KEYS: session, last use, refresh family, index, user epoch
-- ARGV: user epoch, version, sealed record, idle timeout in µs, expiry in ms, now in µs,
--       first refresh digest or '', member of the index
-- Returns ok, exists or revoked.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end
if redis.call('GET', KEYS[5]) ~= ARGV[1] then return 'revoked' end
local idle_end = math.min(math.ceil((ARGV[6] + ARGV[4]) / 1000), tonumber(ARGV[5]))
local past = string.format('%.0f', math.floor(ARGV[6] / 1000))
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'd', ARGV[3], 'i', ARGV[4], 'x', ARGV[5])
redis.call('PEXPIREAT', KEYS[1], ARGV[5])
redis.call('SET', KEYS[2], ARGV[6], 'PXAT', string.format('%.0f', idle_end))
redis.call('DEL', KEYS[3])
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[3], 'cur', ARGV[7])
  redis.call('PEXPIREAT', KEYS[3], ARGV[5])
end
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', past)
redis.call('ZADD', KEYS[4], ARGV[5], ARGV[8])
redis.call('PEXPIREAT', KEYS[4], ARGV[5], 'NX')
redis.call('PEXPIREAT', KEYS[4], ARGV[5], 'GT')
return 'ok'
