#!lua flags=allow-oom
-- Ends every session of a user but one, which must be live: those that the index no longer
-- lists are dead. All of the user is announced.
-- KEYS: kept session, its last use, user epoch, index, order, events, who acts
-- ARGV: member of the kept session, user epoch, sealed actor of the request or ''
-- Returns {'ok', member that was ended...} or {'gone'}.
if redis.call('EXISTS', KEYS[1], KEYS[2]) ~= 2 then return {'gone'} end
if redis.call('GET', KEYS[3]) ~= ARGV[2] then return {'gone'} end
local kept = redis.call('ZSCORE', KEYS[4], ARGV[1])
if not kept then return {'gone'} end
local time = redis.call('TIME')
local now = math.floor((time[1] * 1000000 + time[2]) / 1000)
local answer = {'ok'}
for _, member in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
  if member ~= ARGV[1] then
    local live_until = redis.call('ZSCORE', KEYS[4], member)
    redis.call('ZREM', KEYS[4], member)
    redis.call('ZREM', KEYS[5], member)
    if tonumber(live_until) >= now then
      local who = redis.call('HGET', KEYS[7], member) or ''
      redis.call('XADD', KEYS[6], 'MAXLEN', '~', 1000, '*', 'k', 'revoked', 's', member,
        'w', who, 'o', ARGV[3])
      redis.call('PEXPIRE', KEYS[6], 2592000000)
    end
    redis.call('HDEL', KEYS[7], member)
    answer[#answer + 1] = member
  end
end
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[3])
return answer
