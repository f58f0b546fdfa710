#!lua flags=allow-oom
-- Ends a sign-in at a provider, or all of a person before now, and says where they have sessions.
-- What the network delivers after the deadline changes nothing.
-- KEYS: of the sign-in or person
-- ARGV: for how many ms it is kept, deadline in µs
-- Returns {'ok', cut in µs, sealed owner...} or {'late', now in µs}.
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
if us > tonumber(ARGV[2]) then return {'late', string.format('%.0f', us)} end
local cut = string.format('%.0f', math.max((tonumber(redis.call('HGET', KEYS[1], 'cut')) or 0) + 1, us))
redis.call('HSET', KEYS[1], 'cut', cut)
redis.call('PEXPIRE', KEYS[1], ARGV[1], 'NX')
redis.call('PEXPIRE', KEYS[1], ARGV[1], 'GT')
local owners = {}
for i = 1, tonumber(redis.call('HGET', KEYS[1], 'n')) or 0 do
  owners[i] = redis.call('HGET', KEYS[1], 'o' .. string.format('%.0f', i))
end
return {'ok', cut, unpack(owners)}
