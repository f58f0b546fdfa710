#!lua flags=allow-oom
-- Puts back a cut that a failover has set back.
-- KEYS: hash of the cut
-- ARGV: cut in µs, for how many ms it is kept or 0 for ever
-- Returns {'ok', cut}.
local cut = redis.call('HGET', KEYS[1], 'cut')
if (tonumber(cut) or 0) < tonumber(ARGV[1]) then
  cut = ARGV[1]
  redis.call('HSET', KEYS[1], 'cut', cut)
  if ARGV[2] ~= '0' then
    redis.call('PEXPIRE', KEYS[1], ARGV[2], 'NX')
    redis.call('PEXPIRE', KEYS[1], ARGV[2], 'GT')
  end
end
return {'ok', cut}
