#!lua flags=allow-oom
-- Publishes a heartbeat, which arrives behind every change that was announced before it. Not
-- flagged no-writes: a replica, which hears of changes late or never, refuses it.
-- KEYS: none
-- ARGV: channel, text that tells the heartbeat from others
-- Returns what primary.lua returns, and publishes the text, a space and now in µs.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('PUBLISH', ARGV[1], ARGV[2] .. ' ' .. now)
local info = redis.pcall('INFO', 'replication')
return type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
