#!lua flags=allow-oom
-- Puts back an epoch that a failover has set back, and announces it. It never lowers one
-- and makes none: without an epoch no session is live.
-- KEYS: epoch
-- ARGV: epoch
-- Returns {'ok', epoch or nil}.
local epoch = redis.call('GET', KEYS[1])
if epoch and (tonumber(epoch) or 0) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
  redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
end
return {'ok', redis.call('GET', KEYS[1])}
