#!lua flags=allow-oom
-- Reads the sessions of a user as of one instant. The index comes along, so that the
-- caller sees a member it did not name. Not flagged no-writes: see load.lua.
-- KEYS: user epoch, index, then session and last use of each member
-- Returns {now in µs, user epoch or nil, members of the index, rows}, where a row is
-- {version, sealed record, last use in µs}, nil for what is not there.
local time = redis.call('TIME')
local rows = {}
for k = 3, #KEYS, 2 do
  local row = redis.call('HMGET', KEYS[k], 'v', 'd')
  rows[#rows + 1] = {row[1], row[2], redis.call('GET', KEYS[k + 1])}
end
local now = string.format('%.0f', time[1] * 1000000 + time[2])
return {now, redis.call('GET', KEYS[1]), redis.call('ZRANGE', KEYS[2], 0, -1), rows}
