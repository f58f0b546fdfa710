#!lua flags=allow-oom
-- Reads a page of the order in which a user's sessions were created, and like load.lua not
-- from a replica.
-- KEYS: order, and where all are to be listed the index
-- ARGV: places from and to, and youngest or oldest, which comes first
-- Returns {number of all members, member, place...}, of at most 100 members. Where the order has
-- fewer than the index has that may be live, it was evicted, and the index takes its place: up to 100
-- members, which are said to be all.
local page
if KEYS[2] then
  local time = redis.call('TIME')
  local now = string.format('%.0f', math.floor((time[1] * 1000000 + time[2]) / 1000))
  if redis.call('ZCOUNT', KEYS[2], now, '+inf') > redis.call('ZCARD', KEYS[1]) then
    page = redis.call('ZRANGE', KEYS[2], '+inf', now, 'BYSCORE', 'REV', 'LIMIT', 0, 100, 'WITHSCORES')
    return {#page / 2, unpack(page)}
  end
end
if ARGV[3] == 'youngest' then
  page = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYSCORE', 'REV', 'LIMIT', 0, 100, 'WITHSCORES')
else
  page = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYSCORE', 'LIMIT', 0, 100, 'WITHSCORES')
end
return {redis.call('ZCARD', KEYS[1]), unpack(page)}
