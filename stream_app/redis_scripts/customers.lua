-- Compare-and-set of customers' hashes, repeatable: asked again for the same record it gives the same answer.
--
-- KEYS  the customer hash of each record, in offset order; a customer may come several times.
-- ARGV  fence, field names (among them version and, unless all are erasures, stage), records (both msgpack);
--       a record is offset, kind, values in the order of the names, all of them text.
--       kind is c (change), s (republished state) or e (erasure).
-- Answers per record: false for a duplicate, else "offset stage" of what stood before, or "" when nothing did.
--
-- Field _sink remembers "offset stage" lines: every verdict since the fence, and one before it. Offsets at or
-- below the fence have been applied to all shared keys, so that nobody will ask about them again.
local fence, names, records = tonumber(ARGV[1]), cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[3])
local call, unpack, gmatch, tonumber = redis.call, unpack, string.gmatch, tonumber
local m, write, version_at, stage_at = #names, {}, 0, 0
for j = 1, m do
  write[2 * j - 1] = names[j]
  if names[j] == 'version' then version_at = j + 2 elseif names[j] == 'stage' then stage_at = j + 2 end
end
write[2 * m + 1] = '_sink'
local size, answers = 2 * m + 2, {}
for i = 1, #KEYS do
  local key, record = KEYS[i], records[i]
  local offset, kind, version = tonumber(record[1]), record[2], tonumber(record[version_at])
  local held = call('HMGET', key, 'version', '_sink')
  local standing = tonumber(held[1] or '-1') or -1
  local before, kept, last, last_stage, answer, known = '', '', -1, '', '', false
  if held[2] then
    for o, stage in gmatch(held[2], '(%d+) ([^\n]*)') do
      local line = o .. ' ' .. stage
      last = tonumber(o)
      if last == offset then known = true
      elseif not known then answer = line end
      if last <= fence then before = line .. '\n' else kept = kept .. line .. '\n' end
      last_stage = stage
    end
  end
  if known then
    answers[i] = answer
  elseif offset > last and (version > standing or kind == 's') then
    answers[i] = answer
    if version < standing then
      call('HSET', key, '_sink', before .. kept .. record[1] .. ' ' .. last_stage)
    else
      write[size] = before .. kept .. record[1] .. ' ' .. (record[stage_at] or '')
      for j = 1, m do write[2 * j] = record[j + 2] end
      if kind == 'e' then call('DEL', key) end
      call('HSET', key, unpack(write, 1, size))
    end
  else
    answers[i] = false
  end
end
return answers
