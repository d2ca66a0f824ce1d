-- Claims the right to refresh a session whose record is still the one read.
-- The owner of a lease renews it by claiming again.
-- KEYS: record, lease. ARGV: nonce, owner, life of the lease in ms, record as read.
local record = redis.call('GET', KEYS[1])
if not record then
  return {ARGV[1], 'gone'}
end
if record ~= ARGV[4] then
  return {ARGV[1], 'changed', record}
end
local lease = redis.call('GET', KEYS[2])
if lease == '1!' .. ARGV[2] then
  -- This owner has given up already: the claim arrives too late.
  return {ARGV[1], 'void'}
end
local mine = '1:' .. ARGV[2]
if lease and lease ~= mine and string.sub(lease, 1, 2) ~= '1!' then
  return {ARGV[1], 'held', redis.call('PTTL', KEYS[2])}
end
redis.call('SET', KEYS[2], mine, 'PX', ARGV[3])
return {ARGV[1], 'claimed'}
