#!lua flags=no-writes
-- Reads the instances whose lease has not ended.
-- KEYS: ends, records
-- ARGV: the most instances, the most bytes of a record
-- Result: a list of {instance, end of the lease in ms, record, ms until then}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rows = redis.call('ZRANGE', KEYS[1], '(' .. string.format('%.0f', now), '+inf', 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[1]), 'WITHSCORES')
local list = {}
for i = 1, #rows, 2 do
  local record = redis.call('HGET', KEYS[2], rows[i])
  if record and #record <= tonumber(ARGV[2]) and #rows[i] <= 64 then
    list[#list + 1] = {rows[i], string.format('%.0f', rows[i + 1]), record, string.format('%.0f', rows[i + 1] - now)}
  end
end
return list
