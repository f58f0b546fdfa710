#!lua flags=allow-oom
-- Does nothing where the other scripts would run, and fails where they would: while Redis
-- loads, on a replica.
-- KEYS: none
-- Returns ok.
return 'ok'
