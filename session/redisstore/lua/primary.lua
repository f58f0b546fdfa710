#!lua flags=allow-oom
-- Says whose data the server has: the id of its replication is another one after a replica
-- was promoted and after a restart. Not flagged no-writes: a replica refuses it.
-- KEYS: one, by which a cluster finds the server; it is not read
-- Returns the id, or '' when an access list forbids INFO.
local info = redis.pcall('INFO', 'replication')
return type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or ''
