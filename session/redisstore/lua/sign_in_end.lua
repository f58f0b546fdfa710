#!lua flags=allow-oom
-- Ends a sign-in at a provider for ever, whether it was seen or not: what it is linked to moves no
-- more, and is ended next.
-- KEYS: link
-- ARGV: for how many ms it is kept
-- Returns {'ok', member linked to or nil}.
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'e', string.format('%.0f', time[1] * 1000000 + time[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[1], 'NX')
redis.call('PEXPIRE', KEYS[1], ARGV[1], 'GT')
return {'ok', redis.call('HGET', KEYS[1], 'm')}
