-- Customers by churn risk, moved from one offset of a partition to a later one, once.
--
-- KEYS  sorted set, fence (string, same slot).   ARGV  after, upto, members to remove, scores and members (both msgpack).
-- Answers the fence, which equals upto when this call was applied.
local fence = redis.call('GET', KEYS[2]) or '-1'
if fence == ARGV[1] then
  for _, member in ipairs(cmsgpack.unpack(ARGV[3])) do redis.call('ZREM', KEYS[1], member) end
  local pairs_of = cmsgpack.unpack(ARGV[4])
  for i = 1, #pairs_of, 2000 do
    redis.call('ZADD', KEYS[1], unpack(pairs_of, i, math.min(i + 1999, #pairs_of)))
  end
  redis.call('SET', KEYS[2], ARGV[2])
  fence = ARGV[2]
end
return fence
