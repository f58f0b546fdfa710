#!lua flags=allow-oom
-- Moves an epoch on, which ends every session sealed with it, and announces it. Without
-- an epoch no session is live and there is nothing to end. Both parts of the maximum
-- matter: one more ends sessions also when the clock was set back, and the clock passes
-- values that were lost. What the network delivers after the deadline changes nothing: it
-- would end sessions of sign-ins that came later.
-- The cut, by which sign-ins at a provider of before are refused, is written also where there
-- is no epoch.
-- KEYS: epoch, events, hash of the cut, and for a user the index, the order and who acts, which
--       then list nothing that is live
-- ARGV: kind of event, for how many ms the cut must at least be kept or 0 for ever, sealed actor
--       of the request or '', deadline in µs
-- Returns {'ok', epoch or nil, cut in µs} or {'late', now in µs}.
local time = redis.call('TIME')
local us = time[1] * 1000000 + time[2]
if us > tonumber(ARGV[4]) then return {'late', string.format('%.0f', us)} end
local epoch = redis.call('GET', KEYS[1])
local moved = false
if epoch then
  moved = string.format('%.0f', math.max((tonumber(epoch) or 0) + 1, us))
  redis.call('SET', KEYS[1], moved, 'KEEPTTL')
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'k', ARGV[1], 'o', ARGV[3])
  redis.call('PEXPIRE', KEYS[2], 2592000000)
end
local cut = string.format('%.0f', math.max((tonumber(redis.call('HGET', KEYS[3], 'cut')) or 0) + 1, us))
redis.call('HSET', KEYS[3], 'cut', cut)
if ARGV[2] ~= '0' then
  redis.call('PEXPIRE', KEYS[3], ARGV[2], 'NX')
  redis.call('PEXPIRE', KEYS[3], ARGV[2], 'GT')
end
if KEYS[4] then redis.call('UNLINK', KEYS[4], KEYS[5], KEYS[6]) end
redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[1])
return {'ok', moved, cut}
