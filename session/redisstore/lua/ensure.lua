#!lua
-- Reads an epoch and makes it when there is none, from the clock: an epoch that was lost
-- never comes back at a value it had before.
-- KEYS: epoch, and for a user the changes, which are kept as long
-- ARGV: for how many ms the epoch must at least be kept, 0 for ever
-- Returns {now in µs, epoch, last change of the user or nil}.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('SET', KEYS[1], now, 'NX')
if ARGV[1] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[1], 'NX')
  redis.call('PEXPIRE', KEYS[1], ARGV[1], 'GT')
end
local change = false
if KEYS[2] then
  redis.call('PEXPIRE', KEYS[2], ARGV[1], 'GT')
  change = redis.call('GET', KEYS[2])
end
return {now, redis.call('GET', KEYS[1]), change}
