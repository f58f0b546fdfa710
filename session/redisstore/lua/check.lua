#!lua flags=allow-oom
-- Says whether the server may have lost keys since it was last asked, and notes in the canary
-- that it has, so that whoever asks later learns it: the canary is gone, another data set has
-- taken its place, another process has the data, or keys were evicted. Not flagged no-writes:
-- a replica refuses it.
-- KEYS: canary
-- ARGV: id of the canary that the caller knows or '', id of one that is made now
-- Returns {now in µs, id of the canary, when in µs keys were last lost or nil, why or '', policy
--         of the memory, its limit in bytes, id of the replication}, or denied when an access list
--         forbids INFO.
local info = redis.pcall('INFO', 'server', 'replication', 'stats', 'memory')
if type(info) ~= 'string' then return 'denied' end
local function of(name) return string.match(info, '\n' .. name .. ':([^\r\n]*)') or '' end
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local server, data = of('run_id'), of('master_replid')
local promoted = string.find(of('master_replid2'), '[1-9a-f]') -- not merely left by its replicas
local evicted = of('evicted_keys')
local canary = redis.call('HMGET', KEYS[1], 'id', 'server', 'evicted', 'born', 'loss', 'why', 'data')
local id, born, loss, why = canary[1], canary[4], canary[5], canary[6] or ''
local lost = false
if not id then
  id, born, loss, why = ARGV[2], now, false, ''
  if ARGV[1] ~= '' then lost = 'keys were flushed or lost in a restart' end
elseif canary[2] ~= server or canary[7] ~= data and promoted then
  lost = 'the server restarted or another one took its place'
elseif canary[3] ~= evicted then
  lost = 'keys were evicted'
elseif ARGV[1] ~= '' and ARGV[1] ~= id and (tonumber(loss) or 0) < tonumber(born) then
  lost = 'another data set took the place of the last'
end
if lost then loss, why = now, lost end
if lost or not canary[1] or canary[7] ~= data then
  redis.call('HSET', KEYS[1], 'id', id, 'server', server, 'data', data, 'evicted', evicted, 'born', born, 'loss', loss or '', 'why', why)
end
return {now, id, loss ~= '' and loss, why, of('maxmemory_policy'), of('maxmemory'), data}
