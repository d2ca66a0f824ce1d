-- Stores the record of a new session. The key is made of a random id that no
-- other attempt shares, so what is there already is this very record, by an
-- earlier execution of this call, or somebody else's.
-- KEYS: record. ARGV: nonce, record to write, TTL in ms.
local record = redis.call('GET', KEYS[1])
if not record then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
elseif record ~= ARGV[2] then
  return {ARGV[1], 'taken'}
end
return {ARGV[1], 'created'}
