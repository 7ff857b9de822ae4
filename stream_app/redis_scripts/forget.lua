-- Removes what an erasure left of a customer's hash, unless the customer has come back since; and says whose the id is now.
-- KEYS  the hash, the alias (string, same slot).   ARGV  the version of the erasure, the customer of the id or ''.
local held = redis.call('HMGET', KEYS[1], 'stage', 'version')
local back = held[1] and tonumber(held[2] or '-1') > tonumber(ARGV[1])
if ARGV[2] == '' then
  redis.call('DEL', KEYS[2])
elseif not back then
  redis.call('SET', KEYS[2], ARGV[2])
end
if not held[1] and held[2] == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
