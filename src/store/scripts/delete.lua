-- Deletes the record of a session whose refresh token was refused for good, if
-- it is still the one read, and then releases the lease.
-- KEYS: record, lease, attempt (see claim). ARGV: nonce, owner, record as read.
local record = redis.call('GET', KEYS[1])
local outcome = 'gone'
if record then
  if record ~= ARGV[3] then
    return {ARGV[1], 'changed', record}
  end
  redis.call('DEL', KEYS[1], KEYS[3])
  outcome = 'deleted'
end
if redis.call('GET', KEYS[2]) == '1:' .. ARGV[2] then
  redis.call('DEL', KEYS[2])
end
return {ARGV[1], outcome}
