#!lua flags=allow-oom
-- Notes of a sign-in that its session has ended, where that is not known: of one that is not
-- there, by a Redis that was set back, and of a member that has no mark. The time is that of now.
-- KEYS: link, ends
-- ARGV: named or unnamed, member or '', for how many ms it is kept
-- Returns {'ok', end in µs or nil, changes of sign-ins of the user with this one or nil}, nil where
-- the sign-in is there.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local ended, changes = false, false
if ARGV[2] ~= '' then
  if redis.call('HGET', KEYS[1], 'm') == ARGV[2] then
    ended = now
    redis.call('HSET', KEYS[2], ARGV[2], now)
  end
elseif redis.call('EXISTS', KEYS[1]) == 0 then
  ended = now
  if ARGV[1] == 'named' then
    redis.call('HSET', KEYS[1], 'e', now)
  else
    local cut = math.max(tonumber(redis.call('HGET', KEYS[2], 'cut')) or 0, tonumber(now))
    redis.call('HSET', KEYS[2], 'cut', string.format('%.0f', cut))
  end
end
if ended then
  changes = string.format('%.0f', (tonumber(redis.call('HGET', KEYS[2], 'n')) or 0) + 1)
  redis.call('HSET', KEYS[2], 'n', changes)
end
for i = 1, 2 do
  redis.call('PEXPIRE', KEYS[i], ARGV[3], 'NX')
  redis.call('PEXPIRE', KEYS[i], ARGV[3], 'GT')
end
return {'ok', ended, changes}
