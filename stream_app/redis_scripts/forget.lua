-- Removes what an erasure left of a customer's hash, unless the customer has come back since.
-- KEYS  the hash.   ARGV  the version of the erasure.
if redis.call('HEXISTS', KEYS[1], 'stage') == 0 and redis.call('HGET', KEYS[1], 'version') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
