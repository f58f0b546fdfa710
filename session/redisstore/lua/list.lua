#!lua flags=allow-oom
-- Reads at most 100 sessions of a user as of one instant, and records no use. Where no more
-- are listed, all members of the order come along, so that the caller sees one that it did
-- not name. Not flagged no-writes: see load.lua.
-- KEYS: user epoch, index, order, changes, grants, then session and last use of each member
-- ARGV: the members
-- Returns {now in µs, user epoch or nil, members of the order or none, rows, last change of the
-- user or nil, grants as in grants.lua}, where a row is {version, sealed record, last use in µs}, nil for what is not
-- there. The last use of a session that the index does not list is not there.
local time = redis.call('TIME')
local rows = {}
if #ARGV > 0 then
  local listed = redis.call('ZMSCORE', KEYS[2], unpack(ARGV))
  for i = 1, #ARGV do
    local row = redis.call('HMGET', KEYS[2 * i + 4], 'v', 'd')
    rows[i] = {row[1], row[2], listed[i] and redis.call('GET', KEYS[2 * i + 5])}
  end
end
local members = {}
if redis.call('ZCARD', KEYS[3]) <= 100 then members = redis.call('ZRANGE', KEYS[3], 0, 99) end
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local grants = redis.call('HMGET', KEYS[5], 'at', 'floor', 'stale', 'd')
return {now, redis.call('GET', KEYS[1]), members, rows, redis.call('GET', KEYS[4]), grants}
