#!lua flags=allow-oom
-- Removes what is left of sessions of a user that have ended, which is a change of the user.
-- KEYS: user epoch, changes, then session, last use and refresh family of each, if any
-- Returns {'ok', last change of the user}.
for k = 3, #KEYS do redis.call('UNLINK', KEYS[k]) end
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local change = string.format('%.0f', math.max((tonumber(redis.call('GET', KEYS[2])) or 0) + 1, us))
local left = redis.call('PTTL', KEYS[1])
if left == -2 then return {'ok', change} end
redis.call('SET', KEYS[2], change)
if left > 0 then redis.call('PEXPIRE', KEYS[2], left) end
return {'ok', change}
