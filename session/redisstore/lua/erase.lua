#!lua flags=allow-oom
-- Deletes what is stored of at most 30 sessions of a user, all of which have ended. With none named it is the last
-- step: what lists them goes, what was changed in them, and the events. What ended them stays.
-- KEYS: block, index, order, who acts, grants, events, then session, last use and refresh family of each
-- ARGV: blocked to do so only while the user is, or '', members of the index, deadline in µs
-- Returns {'ok'}, {'unblocked'} or {'late', now in µs}.
local deadline = table.remove(ARGV)
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
if us > tonumber(deadline) then return {'late', string.format('%.0f', us)} end
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'b') ~= '1' then return {'unblocked'} end
if #ARGV == 1 then
  redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
  return {'ok'}
end
for k = 7, #KEYS do redis.call('UNLINK', KEYS[k]) end
redis.call('ZREM', KEYS[2], unpack(ARGV, 2))
redis.call('ZREM', KEYS[3], unpack(ARGV, 2))
redis.call('HDEL', KEYS[4], unpack(ARGV, 2))
return {'ok'}
