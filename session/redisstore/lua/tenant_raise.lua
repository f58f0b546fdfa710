#!lua flags=allow-oom
-- Puts back the epoch of a tenant. See raise.lua.
-- KEYS: tenant
-- ARGV: epoch
-- Returns {'ok', epoch or nil}.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and (tonumber(epoch) or 0) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
  redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
end
return {'ok', redis.call('HGET', KEYS[1], 'epoch')}
