-- The stream and the channel of stage changes, moved from one offset of a partition to a later one, once.
--
-- KEYS  stream (and channel of the same name), fence (string, same slot).   ARGV  after, upto, length, payloads (msgpack).
-- Answers the fence, which equals upto when this call was applied.
local fence = redis.call('GET', KEYS[2]) or '-1'
if fence == ARGV[1] then
  local call, stream, length = redis.call, KEYS[1], ARGV[3]
  for _, payload in ipairs(cmsgpack.unpack(ARGV[4])) do
    call('XADD', stream, 'MAXLEN', '~', length, '*', 'payload', payload)
    call('PUBLISH', stream, payload)
  end
  call('SET', KEYS[2], ARGV[2])
  fence = ARGV[2]
end
return fence
