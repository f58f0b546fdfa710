#!lua
-- KEYS: that of a tenant's own rows
-- ARGV: the record that the publisher read ("" for none), the new record, the rows, the channel, how
--       many versions before it are kept
-- Result: 1 when the record is there, now or already; 0 when another came in between.
local record = redis.call('HGET', KEYS[1], 'record') or ''
if record == ARGV[2] then
  return 1
end
if record ~= ARGV[1] then
  return 0
end
if record ~= '' then -- it takes the place of the oldest that is kept
  local kept = tonumber(ARGV[5])
  local slot = (tonumber(redis.call('HGET', KEYS[1], 'slot') or '0') or 0) % kept
  if slot ~= math.floor(slot) then
    slot = 0
  end
  redis.call('HSET', KEYS[1], 'record.' .. slot, record, 'rows.' .. slot, redis.call('HGET', KEYS[1], 'rows') or '', 'slot', (slot + 1) % kept)
end
redis.call('HSET', KEYS[1], 'record', ARGV[2], 'rows', ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[2])
return 1
