#!lua flags=allow-oom
-- Reads a session as of one instant. It writes nothing, and is not flagged no-writes on
-- purpose: a replica, which may be behind on revocations, refuses it.
-- KEYS: session, last use, user epoch, index, changes, grants; and tenant and epoch of everyone
-- where these are on the same server, as they are not on a cluster
-- ARGV: member of the index
-- Returns one text, in which each part is its length, ':' and itself, or '-' for what is not there:
-- with all keys the six of tenant_read.lua and the epoch of everyone; then now in µs, version,
-- sealed record, last use in µs, user epoch, last change of the user, refresh steps taken, and the
-- four of the grants in grants.lua. The last use of a session that the index does not list is not
-- there, unless another session has replaced it: see retire.lua.
local function part(v) return v and #v .. ':' .. v or '-' end
local time = redis.call('TIME')
local row = redis.call('HMGET', KEYS[1], 'v', 'd', 'g', 'm')
local last = redis.call('GET', KEYS[2])
local listed = redis.call('ZSCORE', KEYS[4], ARGV[1])
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local epoch = redis.call('GET', KEYS[3])
local grants = redis.call('HMGET', KEYS[6], 'at', 'floor', 'stale', 'd')
local text = part(now) .. part(row[1]) .. part(row[2]) .. part((listed or row[4]) and last) .. part(epoch)
  .. part(redis.call('GET', KEYS[5])) .. part(row[3]) .. part(grants[1]) .. part(grants[2]) .. part(grants[3]) .. part(grants[4])
if not KEYS[7] then return text end
local tenant = redis.call('HMGET', KEYS[7], 'status', 'epoch', 'sv', 'ss', 'ga', 'gf')
return part(tenant[1]) .. part(tenant[2]) .. part(tenant[3]) .. part(tenant[4]) .. part(tenant[5]) .. part(tenant[6])
  .. part(redis.call('GET', KEYS[8])) .. text
