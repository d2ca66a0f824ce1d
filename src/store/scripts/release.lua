-- Gives a lease back. After a claim whose answer was lost it also leaves a mark
-- that makes that claim void should it still arrive. The mark has a key of its
-- own: in the lease, whoever claims next would wipe it out.
-- KEYS: lease, void mark of this owner. ARGV: nonce, owner, life of the mark in
-- ms (0: no mark).
if redis.call('GET', KEYS[1]) == '1:' .. ARGV[2] then
  redis.call('DEL', KEYS[1])
end
if ARGV[3] ~= '0' then
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
end
return {ARGV[1], 'released'}
