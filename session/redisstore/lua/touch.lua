#!lua flags=allow-oom
-- Records a use now, unless one was recorded so shortly before that another instance did
-- it. It never makes a key: what is gone stays gone. It is not announced: a cache that
-- knows of an earlier use only asks earlier. What the network delivers long after the read is
-- no use.
-- KEYS: session, last use, user epoch, index
-- ARGV: user epoch, least µs between two recorded uses, member of the index, deadline in µs
-- Returns {'ok', last use in µs}, {'gone'}, {'moved'} when the user has another epoch, or
-- {'late', now in µs}.
local row = redis.call('HMGET', KEYS[1], 'i', 'x')
if not row[1] then return {'gone'} end
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'moved'} end
if not redis.call('ZSCORE', KEYS[4], ARGV[3]) then return {'gone'} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if now > tonumber(ARGV[4]) then return {'late', string.format('%.0f', now)} end
local last = redis.call('GET', KEYS[2])
if last and now - last < tonumber(ARGV[2]) then return {'ok', last} end
local idle_end = math.min(math.ceil((now + row[1]) / 1000), tonumber(row[2]))
now = string.format('%.0f', now)
idle_end = string.format('%.0f', idle_end)
if not redis.call('SET', KEYS[2], now, 'XX', 'PXAT', idle_end) then return {'gone'} end
redis.call('ZADD', KEYS[4], 'XX', idle_end, ARGV[3])
return {'ok', now}
