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
-- A hash is read once and written once a call: a customer may have hundreds of records in it, and a line for each.
local fence, names, records = tonumber(ARGV[1]), cmsgpack.unpack(ARGV[2]), cmsgpack.unpack(ARGV[3])
local call, unpack, gmatch, match, sub, tonumber = redis.call, unpack, string.gmatch, string.match, string.sub, tonumber
local m, write, version_at, stage_at = #names, {}, 0, 0
for j = 1, m do
  write[2 * j - 1] = names[j]
  if names[j] == 'version' then version_at = j + 2 elseif names[j] == 'stage' then stage_at = j + 2 end
end
write[2 * m + 1] = '_sink'
local size = 2 * m + 2

-- By number of the customer in this call: its hash, the version and the lines in it, the lines that are kept, the last of
-- them and its offset; whether anything was accepted, the record to be written, whether it erases.
local numbers, count = {}, 0
local hashes, standing, found, kept, line, last = {}, {}, {}, {}, {}, {}
local is_changed, written, erased = {}, {}, {}
local function read(key)
  count = count + 1
  local n, held = count, call('HMGET', key, 'version', '_sink')
  numbers[key], hashes[n] = n, key
  standing[n], found[n], line[n], last[n] = tonumber(held[1] or '-1') or -1, held[2] or '', '', -1
  local first, o, stage = 1, nil, nil
  for at, offset, text in gmatch(found[n], '()(%d+) ([^\n]*)') do
    o, stage = offset, text
    if tonumber(o) <= fence then first = at end
  end
  if o then line[n], last[n] = o .. ' ' .. stage, tonumber(o) end
  kept[n] = sub(found[n], first)
  return n
end

-- The line before that of an offset, false if the offset has none; a customer's lines are looked through once.
local before = {}
local function standing_before(n, offset)
  if not before[n] then
    local lines, previous = {}, ''
    for o, stage in gmatch(found[n], '(%d+) ([^\n]*)') do
      lines[tonumber(o)], previous = previous, o .. ' ' .. stage
    end
    before[n] = lines
  end
  return before[n][offset] or false
end

local answers = {}
for i = 1, #KEYS do
  local key, record = KEYS[i], records[i]
  local n = numbers[key] or read(key)
  local offset, kind, version = tonumber(record[1]), record[2], tonumber(record[version_at])
  if offset <= last[n] then
    answers[i] = standing_before(n, offset)
  elseif version > standing[n] or kind == 's' then
    answers[i] = line[n]
    local stage
    if version < standing[n] then
      stage = match(line[n], ' (.*)') or ''
    else
      stage, standing[n], written[n] = record[stage_at] or '', version, record
      if kind == 'e' then erased[n] = true end
    end
    local now = record[1] .. ' ' .. stage
    kept[n] = kept[n] == '' and now or kept[n] .. '\n' .. now
    found[n], line[n], last[n], before[n], is_changed[n] = found[n] .. '\n' .. now, now, offset, nil, true
  else
    answers[i] = false
  end
end
for n = 1, count do
  if written[n] then
    local record = written[n]
    for j = 1, m do write[2 * j] = record[j + 2] end
    write[size] = kept[n]
    if erased[n] then call('DEL', hashes[n]) end
    call('HSET', hashes[n], unpack(write, 1, size))
  elseif is_changed[n] then
    call('HSET', hashes[n], '_sink', kept[n])
  end
end
return answers
