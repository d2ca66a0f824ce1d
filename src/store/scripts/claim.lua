-- Claims the right to refresh a session whose record is still the one read.
-- The owner of a lease renews it by claiming again.
-- KEYS: record, lease, void mark of this owner. ARGV: nonce, owner, life of the
-- lease in ms, record as read.
local record = redis.call('GET', KEYS[1])
if not record then
  return {ARGV[1], 'gone'}
end
if record ~= ARGV[4] then
  return {ARGV[1], 'changed', record}
end
if redis.call('GET', KEYS[3]) then
  -- This owner has given up already: the claim arrives too late.
  return {ARGV[1], 'void'}
end
local lease = redis.call('GET', KEYS[2])
local mine = '1:' .. ARGV[2]
if lease and lease ~= mine then
  return {ARGV[1], 'held', redis.call('PTTL', KEYS[2])}
end
redis.call('SET', KEYS[2], mine, 'PX', ARGV[3])
return {ARGV[1], 'claimed'}
