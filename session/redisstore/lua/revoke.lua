#!lua flags=allow-oom
-- Ends one session and its refresh family, and announces it. Only a session that was there
-- is an event. What the network delivers after the deadline changes nothing.
-- KEYS: session, last use, refresh family, index, order, events, who acts, user epoch, changes, ends,
--       and of a provider's sign-in that had the session what it is linked to
-- ARGV: member of the index, sealed actor of the request or '', kind of event,
--       deadline in µs or 0
-- Returns {'ok', last change of the user, link that the session says it has or nil, changes of
-- sign-ins of the user or nil, 'elsewhere' when the sign-in has another session by now, which a
-- rotation made, or ''} or {'late', now in µs}. Only of a session that was there is told the link, and
-- not of one that ended before with others and gave way to a later sign-in without a name.
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
if ARGV[4] ~= '0' and us > tonumber(ARGV[4]) then return {'late', string.format('%.0f', us)} end
local used = redis.call('EXISTS', KEYS[2])
local says = redis.call('HGET', KEYS[1], 'l')
local mark = redis.call('HGET', KEYS[10], ARGV[1])
if says and string.sub(says, 1, 1) == 'u' and not mark then says = false end
local listed = redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('ZREM', KEYS[5], ARGV[1])
if used + listed == 2 then
  local who = redis.call('HGET', KEYS[7], ARGV[1]) or ''
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', 1000, '*', 'k', ARGV[3], 's', ARGV[1],
    'w', who, 'o', ARGV[2])
  redis.call('PEXPIRE', KEYS[6], 2592000000)
end
redis.call('HDEL', KEYS[7], ARGV[1])
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
local change = string.format('%.0f', math.max((tonumber(redis.call('GET', KEYS[9])) or 0) + 1, us))
if mark == '0' then redis.call('HSET', KEYS[10], ARGV[1], change) end
local answer = {'ok', change, used + listed == 2 and says, redis.call('HGET', KEYS[10], 'n'), ''}
if KEYS[11] then
  local linked = redis.call('HGET', KEYS[11], 'm')
  if linked and linked ~= ARGV[1] then answer[5] = 'elsewhere' end
end
local left = redis.call('PTTL', KEYS[8])
if left == -2 then return answer end -- without an epoch nothing of the user is live
redis.call('SET', KEYS[9], change)
if left > 0 then redis.call('PEXPIRE', KEYS[9], left) end
return answer
