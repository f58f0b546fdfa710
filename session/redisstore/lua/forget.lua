#!lua flags=allow-oom
-- Takes sessions that are dead off the index.
-- KEYS: index, order, who acts
-- ARGV: members of the index
-- Returns ok.
for i = 1, #ARGV do
  redis.call('ZREM', KEYS[1], ARGV[i])
  redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('HDEL', KEYS[3], ARGV[i])
end
return 'ok'
