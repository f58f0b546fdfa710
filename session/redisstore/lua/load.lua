#!lua flags=allow-oom
-- Reads a session as of one instant. It writes nothing, and is not flagged no-writes on
-- purpose: a replica, which may be behind on revocations, refuses it.
-- KEYS: session, last use, user epoch, index, changes, grants
-- ARGV: member of the index
-- Returns {now in µs, version, sealed record, last use in µs, user epoch, last change of the
-- user, refresh steps taken, grants as in grants.lua}, nil for what is not there. The last use of a session that the
-- index does not list is not there, unless another session has replaced it: see retire.lua.
local time = redis.call('TIME')
local row = redis.call('HMGET', KEYS[1], 'v', 'd', 'g', 'm')
local last = redis.call('GET', KEYS[2])
local listed = redis.call('ZSCORE', KEYS[4], ARGV[1])
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local epoch = redis.call('GET', KEYS[3])
local grants = redis.call('HMGET', KEYS[6], 'at', 'floor', 'stale', 'd')
return {now, row[1], row[2], (listed or row[4]) and last, epoch, redis.call('GET', KEYS[5]), row[3], grants}
