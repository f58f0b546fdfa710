#!lua
-- KEYS: head, history, bundles
-- ARGV: the head that the publisher read ("" for none), the new record, the bundle's hash,
--       the bundle, the length of the history, the channel
-- Result: 1 when the record is the head, now or already; 0 when another came in between.
local head = redis.call('GET', KEYS[1]) or ''
if head == ARGV[2] then
  return 1
end
if head ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
redis.call('SET', KEYS[1], ARGV[2])
redis.call('LPUSH', KEYS[2], ARGV[2])
redis.call('LTRIM', KEYS[2], 0, tonumber(ARGV[5]) - 1)
-- Bundles that no record names any more go.
local kept = {}
for _, record in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  local hash = string.match(record, '^%S+ %S+ %S+ (%x+) ')
  if hash then
    kept[hash] = true
  end
end
for _, hash in ipairs(redis.call('HKEYS', KEYS[3])) do
  if not kept[hash] then
    redis.call('HDEL', KEYS[3], hash)
  end
end
redis.call('PUBLISH', ARGV[6], ARGV[2])
return 1
