#!lua flags=allow-oom
-- Records a use now. It never makes a key: what is gone stays gone.
-- KEYS: session, last use, user epoch
-- ARGV: user epoch
-- Returns {'ok', now in µs} or {'gone'}.
local row = redis.call('HMGET', KEYS[1], 'i', 'x')
if not row[1] then return {'gone'} end
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return {'gone'} end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local idle_end = math.min(math.ceil((now + row[1]) / 1000), tonumber(row[2]))
now = string.format('%.0f', now)
idle_end = string.format('%.0f', idle_end)
if not redis.call('SET', KEYS[2], now, 'XX', 'PXAT', idle_end) then return {'gone'} end
return {'ok', now}
