#!lua flags=allow-oom
-- Reads what tells whether a session is older than an instance remembers it, and notes a
-- refresh family that is: see refresh.lua.
-- KEYS: session, refresh family
-- ARGV: refresh steps that are remembered
-- Returns {version, sealed record}, nil for what is not there.
local row = redis.call('HMGET', KEYS[1], 'v', 'd', 'x')
local family = redis.call('HMGET', KEYS[2], 'at', 'n', 'na', 'behind')
local steps = nil
if not family[1] then steps = 0 elseif family[1] == family[3] then steps = tonumber(family[2]) end
if row[1] and steps and steps < tonumber(ARGV[1]) and not family[4] then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[2], 'behind', string.format('%.0f', time[1] * 1000000 + time[2]))
  redis.call('PEXPIREAT', KEYS[2], row[3])
end
return {row[1], row[2]}
