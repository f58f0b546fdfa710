#!lua
-- Reads what a sign-in at a provider is linked to, and what decides whether it may have a new
-- session. It makes the user's epoch like ensure.lua, and keeps what is known of the sign-in
-- from its last token on.
-- KEYS: link, ends, user epoch, changes, index, block
-- ARGV: for how many ms the epoch must at least be kept, and the link
-- Returns {now in µs, user epoch, last change of the user or nil, version of the block of a user
-- who is blocked or nil, member linked to or nil, sealed id or nil, end of a sign-in that was ended in µs or nil, when in
-- µs the session was created or nil, cut of the user in µs or nil, mark of the member or nil, until
-- when in µs the index says it may be live or nil, changes of sign-ins of the user or nil, when in µs
-- Redis was behind on them or nil, when in µs the user signed in or nil}.
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('SET', KEYS[3], now, 'NX')
redis.call('PEXPIRE', KEYS[3], ARGV[1], 'NX')
redis.call('PEXPIRE', KEYS[3], ARGV[1], 'GT')
redis.call('PEXPIRE', KEYS[4], ARGV[1], 'GT')
redis.call('PEXPIRE', KEYS[1], ARGV[2], 'GT')
redis.call('PEXPIRE', KEYS[2], ARGV[2], 'GT')
local link = redis.call('HMGET', KEYS[1], 'm', 'd', 'e', 'c', 's')
local mark, score = false, false
if link[1] then
  mark = redis.call('HGET', KEYS[2], link[1])
  score = redis.call('ZSCORE', KEYS[5], link[1])
  if score then score = string.format('%.0f', tonumber(score) * 1000) end
end
local block = redis.call('HMGET', KEYS[6], 'b', 'v')
local blocked = block[1] == '1' and block[2]
local of = redis.call('HMGET', KEYS[2], 'cut', 'n', 'lost')
return {now, redis.call('GET', KEYS[3]), redis.call('GET', KEYS[4]), blocked, link[1], link[2], link[3], link[4], of[1], mark, score, of[2], of[3], link[5]}
