#!lua flags=no-writes
-- Says which commands the user of this connection may not run, on those keys and channels. It
-- runs none of them.
-- KEYS: one, by which a cluster finds the server; it is not read
-- ARGV: commands, the words of each separated by spaces
-- Result: those that are denied.
local denied = {}
for i = 1, #ARGV do
  local words = {}
  for word in string.gmatch(ARGV[i], '%S+') do words[#words + 1] = word end
  if not redis.acl_check_cmd(unpack(words)) then denied[#denied + 1] = ARGV[i] end
end
return denied
