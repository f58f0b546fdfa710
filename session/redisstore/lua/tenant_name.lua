#!lua flags=allow-oom
-- Notes which tenant has a name, of all those that differ from it by case alone: the first.
-- KEYS: of the name without case
-- ARGV: key of the tenant
-- Returns the key of the tenant that has the name.
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
