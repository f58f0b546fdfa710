#!lua
-- KEYS: that of a tenant's own rows
-- ARGV: the record that the publisher read ("" for none), the new record, the rows, the channel
-- Result: 1 when the record is there, now or already; 0 when another came in between.
local record = redis.call('HGET', KEYS[1], 'record') or ''
if record == ARGV[2] then
  return 1
end
if record ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'rows', ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[2])
return 1
