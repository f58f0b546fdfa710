#!lua
-- Records what may be used once.
-- KEYS: what is used
-- ARGV: for how many ms to remember it
-- Returns first or again.
if redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[1]) then return 'first' end
return 'again'
