#!lua
-- Reads an epoch and makes it when there is none, from the clock: an epoch that was lost
-- never comes back at a value it had before.
-- KEYS: epoch
-- ARGV: for how many ms the epoch must at least be kept, 0 for ever
-- Returns {now in µs, epoch}.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('SET', KEYS[1], now, 'NX')
if ARGV[1] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[1], 'NX')
  redis.call('PEXPIRE', KEYS[1], ARGV[1], 'GT')
end
return {now, redis.call('GET', KEYS[1])}
