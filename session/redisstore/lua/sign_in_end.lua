#!lua flags=allow-oom
-- Ends a sign-in at a provider for ever, whether it was seen or not: what it is linked to moves no
-- more, and is ended next.
-- KEYS: link, ends
-- ARGV: for how many ms it is kept
-- Returns {'ok', member linked to or nil, changes of sign-ins of the user with this one}.
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'e', string.format('%.0f', time[1] * 1000000 + time[2]))
local changes = string.format('%.0f', (tonumber(redis.call('HGET', KEYS[2], 'n')) or 0) + 1)
redis.call('HSET', KEYS[2], 'n', changes)
for i = 1, 2 do
  redis.call('PEXPIRE', KEYS[i], ARGV[1], 'NX')
  redis.call('PEXPIRE', KEYS[i], ARGV[1], 'GT')
end
return {'ok', redis.call('HGET', KEYS[1], 'm'), changes}
