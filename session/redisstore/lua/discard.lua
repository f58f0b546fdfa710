#!lua flags=allow-oom
-- Removes what is left of sessions of a user that have ended, which is a change of the user. See
-- revoke.lua for whose link is told.
-- KEYS: user epoch, changes, ends, then session, last use and refresh family of each, if any
-- Returns {'ok', last change of the user, changes of sign-ins of the user or nil, link of each session
-- or nil...}.
local links = {}
for k = 4, #KEYS, 3 do
  local link = redis.call('HGET', KEYS[k], 'l')
  local member = string.match(KEYS[k], '}:s:(.+)$')
  if link and string.sub(link, 1, 1) == 'u' and not redis.call('HGET', KEYS[3], member) then link = false end
  links[#links + 1] = link
  redis.call('UNLINK', KEYS[k], KEYS[k + 1], KEYS[k + 2])
end
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
local change = string.format('%.0f', math.max((tonumber(redis.call('GET', KEYS[2])) or 0) + 1, us))
local left = redis.call('PTTL', KEYS[1])
local answer = {'ok', change, redis.call('HGET', KEYS[3], 'n'), unpack(links)}
if left == -2 then return answer end
redis.call('SET', KEYS[2], change)
if left > 0 then redis.call('PEXPIRE', KEYS[2], left) end
return answer
