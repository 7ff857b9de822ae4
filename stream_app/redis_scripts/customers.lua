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
local call, unpack, gmatch, tonumber, concat = redis.call, unpack, string.gmatch, tonumber, table.concat
local m, write, version_at, stage_at = #names, {}, 0, 0
for j = 1, m do
  write[2 * j - 1] = names[j]
  if names[j] == 'version' then version_at = j + 2 elseif names[j] == 'stage' then stage_at = j + 2 end
end
write[2 * m + 1] = '_sink'
local size = 2 * m + 2

-- What is held of a customer: its version, the lines in order, the place of each by offset, and the first that is kept.
local function read(key)
  local found = call('HMGET', key, 'version', '_sink')
  local held = {standing = tonumber(found[1] or '-1') or -1, lines = {}, place = {}, n = 0, first = 1, last = -1, stage = ''}
  if found[2] then
    local lines, place, n, last = held.lines, held.place, 0, nil
    for o, stage in gmatch(found[2], '(%d+) ([^\n]*)') do
      n, last = n + 1, tonumber(o)
      lines[n], place[last], held.stage = o .. ' ' .. stage, n, stage
      if last <= fence then held.first = n end
    end
    held.n, held.last = n, last or -1
  end
  return held
end

local function note(held, offset, stage)
  local n = held.n + 1
  held.n, held.last, held.stage = n, tonumber(offset), stage
  held.lines[n], held.place[held.last] = offset .. ' ' .. stage, n
  held.is_changed = true
end

local answers, by_key, order = {}, {}, {}
for i = 1, #KEYS do
  local key, record = KEYS[i], records[i]
  local held = by_key[key]
  if not held then
    held = read(key)
    by_key[key], order[#order + 1] = held, key
  end
  local offset, kind, version = tonumber(record[1]), record[2], tonumber(record[version_at])
  local known = held.place[offset]
  if known then
    answers[i] = held.lines[known - 1] or ''
  elseif offset > held.last and (version > held.standing or kind == 's') then
    answers[i] = held.lines[held.n] or ''
    if version < held.standing then
      note(held, record[1], held.stage)
    else
      note(held, record[1], record[stage_at] or '')
      held.standing, held.written = version, record
      if kind == 'e' then held.is_erased = true end
    end
  else
    answers[i] = false
  end
end
for i = 1, #order do
  local key, held = order[i], by_key[order[i]]
  if held.is_changed then
    local remembered = concat(held.lines, '\n', held.first, held.n)
    if held.written then
      for j = 1, m do write[2 * j] = held.written[j + 2] end
      write[size] = remembered
      if held.is_erased then call('DEL', key) end
      call('HSET', key, unpack(write, 1, size))
    else
      call('HSET', key, '_sink', remembered)
    end
  end
end
return answers
