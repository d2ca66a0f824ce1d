-- Writes a refreshed record if nobody else has written since it was read, and
-- then releases the lease and ends the note of the attempt (see claim).
-- KEYS: record, lease, attempt. ARGV: nonce, owner, record as read, record to
-- write, TTL in ms (0: the TTL it has), digest of the refresh token presented.
local record = redis.call('GET', KEYS[1])
local outcome = 'written'
if not record then
  outcome = 'gone'
elseif record == ARGV[4] then
  -- An earlier attempt arrived although its answer did not.
  outcome = 'written'
elseif record ~= ARGV[3] then
  return {ARGV[1], 'changed', record}
elseif ARGV[5] == '0' then
  redis.call('SET', KEYS[1], ARGV[4], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[4], 'PX', ARGV[5])
end
if redis.call('GET', KEYS[2]) == '1:' .. ARGV[2] then
  redis.call('DEL', KEYS[2])
end
local note = '1:' .. ARGV[6] .. ':'
if string.sub(redis.call('GET', KEYS[3]) or '', 1, #note) == note then
  redis.call('DEL', KEYS[3])
end
return {ARGV[1], outcome}
