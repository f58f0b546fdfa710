#!lua
-- Says that an instance is there for one lease more, and forgets those whose lease has ended.
-- KEYS: ends, records
-- ARGV: the instance, its record, the lease in ms, how many instances there may be, the longest lease
-- Result: ok, or full when others are as many.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local gone = redis.call('ZRANGE', KEYS[1], '-inf', string.format('%.0f', now), 'BYSCORE', 'LIMIT', 0, 1000)
-- A lease that ends later than any can is from before the clock was set back.
local ahead = redis.call('ZRANGE', KEYS[1], '(' .. string.format('%.0f', now + tonumber(ARGV[5])), '+inf', 'BYSCORE', 'LIMIT', 0, 1000)
for _, ids in ipairs({gone, ahead}) do
  for _, id in ipairs(ids) do
    redis.call('ZREM', KEYS[1], id)
    redis.call('HDEL', KEYS[2], id)
  end
end
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then
  return 'full'
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[3])), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
-- Nothing stays of a service that is gone. No lease is as long.
redis.call('PEXPIRE', KEYS[1], 3600000)
redis.call('PEXPIRE', KEYS[2], 3600000)
return 'ok'
