-- Reads a session's record.
-- KEYS: record. ARGV: nonce.
local record = redis.call('GET', KEYS[1])
if not record then
  return {ARGV[1], 'gone'}
end
return {ARGV[1], 'found', record}
