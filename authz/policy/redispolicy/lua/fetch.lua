#!lua flags=no-writes
-- KEYS: head, bundles
-- ARGV: the record that the follower has ("" for none), the largest bundle in bytes
-- Result: {} when nothing is published, {head} when it is the one that is known or no
--         record, {head, size} when the bundle is too large, and otherwise {head, size, bundle}.
local head = redis.call('GET', KEYS[1])
if not head then
  return {}
end
if head == ARGV[1] or #head > 1024 then
  return {string.sub(head, 1, 1024)}
end
local hash = string.match(head, '^%S+ %S+ %S+ (%x+) ')
if not hash then
  return {head}
end
local size = redis.call('HSTRLEN', KEYS[2], hash)
if size > tonumber(ARGV[2]) then
  return {head, size}
end
return {head, size, redis.call('HGET', KEYS[2], hash) or ''}
