#!lua
-- Notes in whose slot a sign-in at a provider, or a person of it, has sessions, before any is made.
-- KEYS: of the sign-in or person
-- ARGV: name of the owner, sealed owner, for how many ms it is kept
-- Returns the cut in µs, nil for none.
if not redis.call('HGET', KEYS[1], ARGV[1]) then
  local n = string.format('%.0f', (tonumber(redis.call('HGET', KEYS[1], 'n')) or 0) + 1)
  redis.call('HSET', KEYS[1], ARGV[1], '1', 'n', n, 'o' .. n, ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3], 'NX')
redis.call('PEXPIRE', KEYS[1], ARGV[3], 'GT')
return redis.call('HGET', KEYS[1], 'cut')
