#!lua flags=allow-oom
-- Puts back the status of a tenant that Redis has in an earlier version, and announces it. Of
-- a tenant that is not there it puts back a suspension alone: an epoch made now ends nothing
-- and lets nobody in. A suspension by an instance of an earlier version stays. It is no event:
-- the change that it puts back was made before, and an erasure has deleted what told of it.
-- KEYS: tenant
-- ARGV: active or suspended, its version
-- Returns {'ok', version or nil}.
local row = redis.call('HMGET', KEYS[1], 'status', 'sv', 'ss')
if not row[1] and ARGV[1] ~= 'suspended' then return {'ok', false} end
if row[1] == 'suspended' and row[3] ~= row[1] then return {'ok', false} end
if (tonumber(row[2]) or 0) < tonumber(ARGV[2]) then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'status', ARGV[1], 'sv', ARGV[2], 'ss', ARGV[1])
  redis.call('HSETNX', KEYS[1], 'epoch', string.format('%.0f', time[1] * 1000000 + time[2]))
  redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
end
return {'ok', redis.call('HGET', KEYS[1], 'sv')}
