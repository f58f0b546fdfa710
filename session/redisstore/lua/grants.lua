#!lua flags=allow-oom
-- Reads which sessions of a user are carried over to the epoch, and what is changed in them, and
-- like load.lua not from a replica.
-- KEYS: user epoch, grants
-- Returns {now in µs, epoch or nil, grants}, where grants are {epoch that they are of, floor, stale,
-- sealed change}, nil for what is not there.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
return {now, redis.call('GET', KEYS[1]), redis.call('HMGET', KEYS[2], 'at', 'floor', 'stale', 'd')}
