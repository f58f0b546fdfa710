#!lua flags=allow-oom
-- Reads a page of the order in which a user's sessions were created, and like load.lua not
-- from a replica.
-- KEYS: order
-- ARGV: places from and to, and youngest or oldest, which comes first
-- Returns {number of all members, member, place...}, of at most 100 members.
local page
if ARGV[3] == 'youngest' then
  page = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYSCORE', 'REV', 'LIMIT', 0, 100, 'WITHSCORES')
else
  page = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[2], 'BYSCORE', 'LIMIT', 0, 100, 'WITHSCORES')
end
return {redis.call('ZCARD', KEYS[1]), unpack(page)}
