#!lua
-- Stores a new session under the epoch it was sealed with, unless that has passed or the
-- user has too many. The index holds until when each session may be live, the order when it
-- was created; a session that the index does not list is dead, whatever else is there, and
-- so is one that has to make room, which is announced. Sessions of others who act as the user
-- are less than 0 in the order, and have a limit of their own. At most 100 members that have
-- ended are swept, and 100 evicted one by one; when more are too many, the index is made anew
-- of the youngest, all of the user is announced, and it is one event.
-- The sign-in at a provider is linked to its session, unless it has another one by now. When a
-- session ends that is the user's at a provider, the ends say when.
-- KEYS: session, last use, refresh family, index, user epoch, order, events, who acts, ends, block,
--       grants, and of a provider's sign-in what it is linked to
-- ARGV: user epoch, version, sealed record, idle timeout in µs, expiry in ms, now in µs,
--       first refresh digest or '', member of the index, most live sessions,
--       reject or evict, sealed reason of an impersonation or '', place in the order,
--       sealed actor of the request or '', sealed who acts in the session or '', strict
--       or '', for a session that is carried over to another epoch: see stale.lua, kind of event,
--       and of a provider's sign-in: member that it was linked to or '', sealed id for the link,
--       for how many ms the link is kept, named or unnamed, when in µs the user signed in
-- Returns {'ok', place in the order of the oldest session that is kept, where the index was
-- made anew, or '', changes of sign-ins at providers that the user has had with this one, or '',
-- member that made room...}, {'exists'}, {'revoked'}, {'full'} or {'late'}
-- when the network delivers it long after the epoch was read, {'blocked'}, or {'moved'} when the
-- sign-in is linked to another session.
local time = redis.call('TIME')
if time[1] * 1000000 + time[2] > ARGV[6] + 5000000 then return {'late'} end
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('HGET', KEYS[1], 'd') == ARGV[3] then -- by this very call
    return {'ok', '', KEYS[12] and redis.call('HGET', KEYS[9], 'n') or ''}
  end
  return {'exists'}
end
if redis.call('HGET', KEYS[10], 'b') == '1' then return {'blocked'} end
local epoch = redis.call('GET', KEYS[5])
if epoch ~= ARGV[1] then
  local carried = redis.call('HMGET', KEYS[11], 'at', 'floor')
  if ARGV[15] ~= '' or not epoch or carried[1] ~= epoch or not carried[2] or tonumber(ARGV[1]) < tonumber(carried[2]) then
    return {'revoked'}
  end
end
if KEYS[12] then
  local link = redis.call('HMGET', KEYS[12], 'm', 'e')
  if link[2] or (link[1] or '') ~= ARGV[17] then return {'moved'} end
end
local now = math.floor(ARGV[6] / 1000)
local past = '(' .. string.format('%.0f', now)
local ended = redis.call('ZRANGE', KEYS[4], '-inf', past, 'BYSCORE', 'LIMIT', 0, 100)
if #ended > 0 then
  local marks = redis.call('HMGET', KEYS[9], unpack(ended))
  for i, member in ipairs(ended) do
    if marks[i] == '0' then
      local at = tonumber(redis.call('ZSCORE', KEYS[4], member)) * 1000
      redis.call('HSET', KEYS[9], member, string.format('%.0f', at))
    end
  end
  redis.call('ZREM', KEYS[4], unpack(ended))
  redis.call('ZREM', KEYS[6], unpack(ended))
  redis.call('HDEL', KEYS[8], unpack(ended))
end

-- The members of a page of the order that may be live, each with its place in the index and,
-- where the page tells it, in the order.
local function live(page, step)
  local found = {}
  local members = {}
  for i = 1, #page, step do members[#members + 1] = page[i] end
  if #members == 0 then return found end
  for i, ends in ipairs(redis.call('ZMSCORE', KEYS[4], unpack(members))) do
    if ends and tonumber(ends) >= now then
      found[#found + 1] = {members[i], ends, page[(i - 1) * step + 2]}
    end
  end
  return found
end

local acting = live(redis.call('ZRANGE', KEYS[6], '-inf', '(0', 'BYSCORE', 'LIMIT', 0, 100, 'WITHSCORES'), 2)
local own = tonumber(ARGV[12]) >= 0
local limit = tonumber(ARGV[9])
local over = #acting + 1 - limit
if own then over = redis.call('ZCOUNT', KEYS[4], string.format('%.0f', now), '+inf') - #acting + 1 - limit end
if over > 0 and ARGV[10] ~= 'evict' then return {'full'} end
local evicted = {}
if over > 0 and not own then
  for i = #acting - over + 1, #acting do evicted[#evicted + 1] = acting[i][1] end
elseif over > 0 and over <= 100 then
  local oldest = redis.call('ZRANGE', KEYS[6], 0, '+inf', 'BYSCORE', 'LIMIT', 0, over)
  -- Of more that have ended than were swept, some may be among the oldest.
  if #live(oldest, 1) == over then evicted = oldest end
end
for _, member in ipairs(evicted) do
  redis.call('ZREM', KEYS[4], member)
  redis.call('ZREM', KEYS[6], member)
  local who = redis.call('HGET', KEYS[8], member) or ''
  redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', 'evicted', 's', member,
    'w', who, 'o', ARGV[13])
  redis.call('HDEL', KEYS[8], member)
  if redis.call('HGET', KEYS[9], member) == '0' then redis.call('HSET', KEYS[9], member, ARGV[6]) end
  redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', string.sub(KEYS[4], 1, -2) .. 's:' .. member)
end
local watermark = ''
if over > #evicted then
  -- The index anew: who acts as the user, and the youngest sessions of their own. Two pages
  -- more than these are looked at, for some that have ended.
  local kept = acting
  local rest = limit - 1
  watermark = ARGV[12]
  local from = 0
  local pages = math.ceil(rest / 100) + 2
  while rest > 0 and pages > 0 do
    local page = redis.call('ZRANGE', KEYS[6], '+inf', 0, 'BYSCORE', 'REV', 'LIMIT', from, 100, 'WITHSCORES')
    for _, m in ipairs(live(page, 2)) do
      if rest > 0 then
        kept[#kept + 1] = m
        watermark = m[3]
        rest = rest - 1
      end
    end
    from = from + 100
    pages = pages - 1
    if #page < 200 then pages = 0 end
  end
  local expires = redis.call('PEXPIRETIME', KEYS[4])
  local anyone = redis.call('EXISTS', KEYS[8]) == 1
  local whos = {}
  for i = 1, #kept do whos[i] = anyone and redis.call('HGET', KEYS[8], kept[i][1]) end
  redis.call('UNLINK', KEYS[4], KEYS[6], KEYS[8])
  for i = 1, #kept, 100 do
    local index, order = {}, {}
    for j = i, math.min(i + 99, #kept) do
      index[#index + 1] = kept[j][2]
      index[#index + 1] = kept[j][1]
      order[#order + 1] = kept[j][3]
      order[#order + 1] = kept[j][1]
      if whos[j] then redis.call('HSET', KEYS[8], kept[j][1], whos[j]) end
    end
    redis.call('ZADD', KEYS[4], unpack(index))
    redis.call('ZADD', KEYS[6], unpack(order))
  end
  if expires > 0 then
    redis.call('PEXPIREAT', KEYS[4], expires)
    redis.call('PEXPIREAT', KEYS[6], expires)
    redis.call('PEXPIREAT', KEYS[8], expires)
  end
  redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', 'limited', 's', ARGV[8],
    'w', ARGV[14], 'o', ARGV[13])
  redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[5])
end
local idle_end = string.format('%.0f', math.min(math.ceil((ARGV[6] + ARGV[4]) / 1000), tonumber(ARGV[5])))
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'd', ARGV[3], 'i', ARGV[4], 'x', ARGV[5])
redis.call('PEXPIREAT', KEYS[1], ARGV[5])
redis.call('SET', KEYS[2], ARGV[6], 'PXAT', idle_end)
redis.call('DEL', KEYS[3])
if ARGV[7] ~= '' then
  redis.call('HSET', KEYS[3], 'cur', ARGV[7])
  redis.call('PEXPIREAT', KEYS[3], ARGV[5])
end
redis.call('ZADD', KEYS[4], idle_end, ARGV[8])
redis.call('PEXPIREAT', KEYS[4], ARGV[5], 'NX')
redis.call('PEXPIREAT', KEYS[4], ARGV[5], 'GT')
local changes = ''
if KEYS[12] then
  changes = string.format('%.0f', (tonumber(redis.call('HGET', KEYS[9], 'n')) or 0) + 1)
  redis.call('HSET', KEYS[9], 'n', changes)
  redis.call('PEXPIRE', KEYS[9], ARGV[19], 'NX')
  redis.call('PEXPIRE', KEYS[9], ARGV[19], 'GT')
  redis.call('HSET', KEYS[12], 'm', ARGV[8], 'd', ARGV[18], 'c', ARGV[6], 'x', ARGV[5], 's', ARGV[21])
  redis.call('PEXPIRE', KEYS[12], ARGV[19], 'NX')
  redis.call('PEXPIRE', KEYS[12], ARGV[19], 'GT')
  if ARGV[20] == 'unnamed' then
    if ARGV[17] ~= '' then redis.call('HDEL', KEYS[9], ARGV[17]) end
    redis.call('HSET', KEYS[9], ARGV[8], '0')
    redis.call('PEXPIRE', KEYS[4], ARGV[19], 'GT') -- it says when the session ends unused
  end
end
redis.call('ZADD', KEYS[6], ARGV[12], ARGV[8])
redis.call('PEXPIREAT', KEYS[6], ARGV[5], 'NX')
redis.call('PEXPIREAT', KEYS[6], ARGV[5], 'GT')
if ARGV[14] ~= '' then
  redis.call('HSET', KEYS[8], ARGV[8], ARGV[14])
  redis.call('PEXPIREAT', KEYS[8], ARGV[5], 'NX')
  redis.call('PEXPIREAT', KEYS[8], ARGV[5], 'GT')
end
redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', ARGV[16], 's', ARGV[8],
  'r', ARGV[11], 'w', ARGV[14], 'o', ARGV[13])
redis.call('PEXPIRE', KEYS[7], 2592000000)
return {'ok', watermark, changes, unpack(evicted)}
