#!lua flags=allow-oom
-- Ends one session and its refresh family, and announces it. Only a session that was there
-- is an event.
-- KEYS: session, last use, refresh family, index, order, events, who acts
-- ARGV: member of the index, sealed actor of the request or ''
-- Returns ok.
local used = redis.call('EXISTS', KEYS[2])
local listed = redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('ZREM', KEYS[5], ARGV[1])
if used + listed == 2 then
  local who = redis.call('HGET', KEYS[7], ARGV[1]) or ''
  redis.call('XADD', KEYS[6], 'MAXLEN', '~', 1000, '*', 'k', 'revoked', 's', ARGV[1],
    'w', who, 'o', ARGV[2])
  redis.call('PEXPIRE', KEYS[6], 2592000000)
end
redis.call('HDEL', KEYS[7], ARGV[1])
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return 'ok'
