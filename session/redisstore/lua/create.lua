#!lua
-- Stores a new session under the epoch it was sealed with, unless that has passed or the
-- user has too many. The index holds until when each session may be live, the order when it
-- was created; a session that the index does not list is dead, whatever else is there, and
-- so is one that has to make room, which is announced. Sessions of others who act as the user
-- are less than 0 in the order, and have a limit of their own. One run takes at most 100 members
-- off the index, those that have ended first. Up to 100 that are too many are evicted with the
-- step that stores the session. Of more the oldest end in runs before that one, which store
-- nothing: all of the user is announced, and they are one event with those that are evicted last.
-- The sign-in at a provider is linked to its session, unless it has another one by now. When a
-- session ends that is the user's at a provider, the ends say when.
-- KEYS: session, last use, refresh family, index, user epoch, order, events, who acts, ends, block,
--       grants, and of a provider's sign-in what it is linked to
-- ARGV: user epoch, version, sealed record, idle timeout in µs, expiry in ms, now in µs,
--       first refresh digest or '', member of the index, most live sessions,
--       reject, evict, or limited where such a run has ended some, sealed reason of an
--       impersonation or '', place in the order, sealed actor of the request or '', sealed who acts in the session or '', strict
--       or '', for a session that is carried over to another epoch: see stale.lua, kind of event,
--       and of a provider's sign-in: member that it was linked to or '', sealed id for the link,
--       for how many ms the link is kept, named or unnamed, when in µs the user signed in
-- Returns {'ok', place in the order of the oldest session that is kept, where more were too many,
-- or '', changes of sign-ins at providers that the user has had with this one, or '', member that
-- made room...}, {'more', that place, or '' where it ended none that were live} of a run before,
-- {'exists'}, {'revoked'}, {'full'} or {'late'} when the network delivers it long after the epoch was
-- read, {'blocked', version of the block}, or {'moved'} when the sign-in is linked to another session.
local time = redis.call('TIME')
if time[1] * 1000000 + time[2] > ARGV[6] + 5000000 then return {'late'} end
if redis.call('EXISTS', KEYS[1]) == 1 then
  if redis.call('HGET', KEYS[1], 'd') == ARGV[3] then -- by this very call
    return {'ok', '', KEYS[12] and redis.call('HGET', KEYS[9], 'n') or ''}
  end
  return {'exists'}
end
local block = redis.call('HMGET', KEYS[10], 'b', 'v')
if block[1] == '1' then return {'blocked', block[2]} end
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

-- Takes members off the index. Of the session of a sign-in it is said when it ended: at a time in
-- µs, or where that is nil when the index says.
local function off(members, at)
  local marks = redis.call('HMGET', KEYS[9], unpack(members))
  for i, member in ipairs(members) do
    if marks[i] == '0' then
      local ends = at or tonumber(redis.call('ZSCORE', KEYS[4], member) or 0) * 1000
      if ends ~= 0 then redis.call('HSET', KEYS[9], member, string.format('%.0f', ends)) end
    end
  end
  redis.call('ZREM', KEYS[4], unpack(members))
  redis.call('ZREM', KEYS[6], unpack(members))
  redis.call('HDEL', KEYS[8], unpack(members))
end

local ended = redis.call('ZRANGE', KEYS[4], '-inf', past, 'BYSCORE', 'LIMIT', 0, 100)
if #ended > 0 then off(ended) end

-- Those of some members that may be live, and those that the index lists no more or as ended.
local function sorted(members)
  local live, dead = {}, {}
  if #members == 0 then return live, dead end
  for i, ends in ipairs(redis.call('ZMSCORE', KEYS[4], unpack(members))) do
    local found = dead
    if ends and tonumber(ends) >= now then found = live end
    found[#found + 1] = members[i]
  end
  return live, dead
end

-- The place of the oldest session, or that of the new one where that is lower: of two sign-ins at
-- once the first to be stored may have the later place.
local function oldest()
  local place = redis.call('ZRANGE', KEYS[6], 0, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')[2]
  if not place or tonumber(place) > tonumber(ARGV[12]) then return ARGV[12] end
  return place
end

local acting = sorted(redis.call('ZRANGE', KEYS[6], '-inf', '(0', 'BYSCORE', 'LIMIT', 0, 100))
local own = tonumber(ARGV[12]) >= 0
local limit = tonumber(ARGV[9])
local over = #acting + 1 - limit
if own then over = redis.call('ZCOUNT', KEYS[4], string.format('%.0f', now), '+inf') - #acting + 1 - limit end
if over > 0 and ARGV[10] ~= 'evict' and ARGV[10] ~= 'limited' then return {'full'} end
local left = 100 - #ended -- that this run may take off the index
local evicted = {}
if over > 0 and over <= 100 and over > left then return {'more', ''} end
if over > 0 and not own then
  for i = #acting - over + 1, #acting do evicted[#evicted + 1] = acting[i] end
elseif over > 0 then
  if left == 0 then return {'more', ''} end
  local wanted = math.min(over, left)
  local page = redis.call('ZRANGE', KEYS[6], 0, '+inf', 'BYSCORE', 'LIMIT', 0, wanted)
  local live, dead = sorted(page)
  if #dead > 0 then -- more have ended than were swept
    off(dead)
    return {'more', ''}
  end
  if #page < wanted or over > 100 then
    if #page < wanted then
      redis.call('UNLINK', KEYS[4], KEYS[6], KEYS[8]) -- the order was lost: nobody knows who is the oldest
    else
      off(live, tonumber(ARGV[6]))
    end
    if ARGV[10] ~= 'limited' then
      redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', 'limited', 's', ARGV[8],
        'w', ARGV[14], 'o', ARGV[13])
      redis.call('PEXPIRE', KEYS[7], 2592000000)
    end
    redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', KEYS[5])
    return {'more', oldest()}
  end
  evicted = live
end
local together = own and ARGV[10] == 'limited' -- in one event, which is there
for _, member in ipairs(evicted) do
  redis.call('ZREM', KEYS[4], member)
  redis.call('ZREM', KEYS[6], member)
  if not together then
    local who = redis.call('HGET', KEYS[8], member) or ''
    redis.call('XADD', KEYS[7], 'MAXLEN', '~', 1000, '*', 'k', 'evicted', 's', member,
      'w', who, 'o', ARGV[13])
  end
  redis.call('HDEL', KEYS[8], member)
  if redis.call('HGET', KEYS[9], member) == '0' then redis.call('HSET', KEYS[9], member, ARGV[6]) end
  redis.call('PUBLISH', string.match(KEYS[1], '^[^:]*') .. ':changes', string.sub(KEYS[4], 1, -2) .. 's:' .. member)
end
local watermark = ''
if together then
  watermark = oldest()
  evicted = {}
end
local idle_end = string.format('%.0f', math.min(math.ceil((ARGV[6] + ARGV[4]) / 1000), tonumber(ARGV[5])))
redis.call('HSET', KEYS[1], 'v', ARGV[2], 'd', ARGV[3], 'i', ARGV[4], 'x', ARGV[5])
if KEYS[12] then -- whoever ends the session learns of the sign-in
  local link = string.sub(ARGV[20], 1, 1) .. string.match(KEYS[12], '}:n:(.+)$')
  redis.call('HSET', KEYS[1], 'l', link)
end
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
