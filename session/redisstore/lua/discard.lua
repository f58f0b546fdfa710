#!lua flags=allow-oom
-- Removes what is left of sessions that have ended.
-- KEYS: session, last use and refresh family of each
-- Returns ok.
for k = 1, #KEYS do redis.call('UNLINK', KEYS[k]) end
return 'ok'
