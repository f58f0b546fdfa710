#!lua flags=no-writes
-- KEYS: those of tenants' own rows
-- ARGV: the largest rows in bytes, then for each key the record that the follower has ("" for none)
-- Result: for each key {} when nothing is published, {record} when it is the one that is known or
--         no record, {record, size} when the rows are too large, and otherwise {record, size, rows}.
local all = {}
for i = 1, #KEYS do
  local record = redis.pcall('HGET', KEYS[i], 'record')
  if type(record) ~= 'string' then -- none, or a key of another type, which is one tenant's trouble
    all[i] = {}
  elseif record == ARGV[i + 1] or #record > 1024 then
    all[i] = {string.sub(record, 1, 1024)}
  else
    local size = redis.call('HSTRLEN', KEYS[i], 'rows')
    if size > tonumber(ARGV[1]) then
      all[i] = {record, size}
    else
      all[i] = {record, size, redis.call('HGET', KEYS[i], 'rows') or ''}
    end
  end
end
return all
