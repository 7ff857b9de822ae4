-- Customers per stage, moved from one offset of a partition to a later one, once.
--
-- KEYS  stage counts (hash), the partition's ledger (hash, same slot).
-- ARGV  after, upto, marker ('' | begin | end), nonce, n, n pairs of stage and delta of the standing counts,
--       then pairs of stage and delta of the counts that a republish is rebuilding.
-- Answers the ledger's fence, origin, rebuild, nonce and lost; the fence equals upto when this call was applied.
--
-- Ledger: fence = last applied offset; "=STAGE" = what this partition adds to the stage counts; origin = a customer
-- whose last line is at or below this offset is not in "=STAGE"; rebuild, nonce, "~STAGE" the same for the republish under way;
-- lost = yes when data had gone, rebuilding once a republish has begun since; republished = nonce of the last complete one.
local counts, ledger = KEYS[1], KEYS[2]
local call = redis.call
local function add(key, field, delta)
  if delta ~= 0 and call('HINCRBY', key, field, delta) == 0 then call('HDEL', key, field) end
end
local function shadows(sign)
  local all, found = call('HGETALL', ledger), {}
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 1) == sign then found[string.sub(all[i], 2)] = tonumber(all[i + 1]) end
  end
  return found
end
if (call('HGET', ledger, 'fence') or '-1') == ARGV[1] then
  local last_standing = 5 + 2 * tonumber(ARGV[5])
  for i = 6, last_standing, 2 do
    add(counts, ARGV[i], tonumber(ARGV[i + 1]))
    add(ledger, '=' .. ARGV[i], tonumber(ARGV[i + 1]))
  end
  for i = last_standing + 1, #ARGV, 2 do add(ledger, '~' .. ARGV[i], tonumber(ARGV[i + 1])) end
  if ARGV[3] == 'begin' then
    for stage in pairs(shadows('~')) do call('HDEL', ledger, '~' .. stage) end
    call('HSET', ledger, 'rebuild', ARGV[2], 'nonce', ARGV[4])
    if call('HEXISTS', ledger, 'lost') == 1 then call('HSET', ledger, 'lost', 'rebuilding') end
  elseif ARGV[3] == 'end' and call('HGET', ledger, 'nonce') == ARGV[4] then
    for stage, count in pairs(shadows('=')) do
      add(counts, stage, -count)
      call('HDEL', ledger, '=' .. stage)
    end
    for stage, count in pairs(shadows('~')) do
      add(counts, stage, count)
      call('HSET', ledger, '=' .. stage, count)
      call('HDEL', ledger, '~' .. stage)
    end
    call('HSET', ledger, 'origin', call('HGET', ledger, 'rebuild'), 'republished', ARGV[4])
    call('HDEL', ledger, 'rebuild', 'nonce')
    if call('HGET', ledger, 'lost') == 'rebuilding' then call('HDEL', ledger, 'lost') end
  end
  call('HSET', ledger, 'fence', ARGV[2])
end
return call('HMGET', ledger, 'fence', 'origin', 'rebuild', 'nonce', 'lost')
