-- Churn alerts that stand, by customer; repeatable, and an older version never replaces a newer one.
--
-- KEYS  open alerts (sorted set of customers by the instant of raising), alerts (hash customer -> JSON),
--       acknowledgements (hash customer -> JSON), resolved alerts (sorted set by instant); all in one slot.
-- ARGV  how many resolved alerts are kept, then for each record: customer, status, version, seconds, payload.
--
-- A resolved alert stays for a while, so that a record that comes again does not raise it anew. Told once more that it is
-- resolved, as by a republish, it stays as it is: the first record has said when that was.
local call = redis.call
local function is_known(before, status, payload)
  return status == 'resolved' and before and before.status == 'resolved'
    and before.raised_at == cjson.decode(payload).raised_at
end
for i = 2, #ARGV, 5 do
  local id, status, version, at, payload = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4]
  local held = call('HGET', KEYS[2], id)
  local before = held and cjson.decode(held) or nil
  if status == 'erased' then
    call('HDEL', KEYS[2], id)
    call('HDEL', KEYS[3], id)
    call('ZREM', KEYS[1], id)
    call('ZREM', KEYS[4], id)
  elseif (not before or before.version <= version) and not is_known(before, status, payload) then
    call('HSET', KEYS[2], id, payload)
    if status == 'raised' then
      call('ZADD', KEYS[1], at, id)
      call('ZREM', KEYS[4], id)
      if before and before.raised_at ~= cjson.decode(payload).raised_at then call('HDEL', KEYS[3], id) end
    else
      call('ZREM', KEYS[1], id)
      call('HDEL', KEYS[3], id)
      call('ZADD', KEYS[4], at, id)
    end
  end
end
local surplus = call('ZCARD', KEYS[4]) - tonumber(ARGV[1])
if surplus > 0 then
  for _, id in ipairs(call('ZRANGE', KEYS[4], 0, surplus - 1)) do call('HDEL', KEYS[2], id) end
  call('ZREMRANGEBYRANK', KEYS[4], 0, surplus - 1)
end
return 1
