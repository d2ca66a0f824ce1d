-- Reads a session's record and how long it will be there.
-- KEYS: record. ARGV: nonce.
local record = redis.call('GET', KEYS[1])
if not record then
  return {ARGV[1], 'gone'}
end
-- Milliseconds; negative for a key that does not expire.
return {ARGV[1], 'seen', record, redis.call('PTTL', KEYS[1])}
