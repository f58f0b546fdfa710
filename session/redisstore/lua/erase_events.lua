#!lua flags=allow-oom
-- Deletes a stream of events.
-- KEYS: events
-- ARGV: deadline in µs
-- Returns {'ok'} or {'late', now in µs}.
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
if us > tonumber(ARGV[1]) then return {'late', string.format('%.0f', us)} end
redis.call('UNLINK', KEYS[1])
return {'ok'}
