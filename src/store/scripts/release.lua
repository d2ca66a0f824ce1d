-- Gives a lease back. After a claim whose answer was lost it also leaves a mark
-- that makes that claim void should it still arrive. The mark has a key of its
-- own: in the lease, whoever claims next would wipe it out.
-- The note of the attempt (see claim) stays, without an owner, where it is not
-- known whether the issuer took the refresh token, now or earlier.
-- KEYS: lease, void mark of this owner, attempt. ARGV: nonce, owner, life of the
-- mark in ms (0: no mark), digest of the refresh token, outcome of the attempt.
if redis.call('GET', KEYS[1]) == '1:' .. ARGV[2] then
  redis.call('DEL', KEYS[1])
end
if ARGV[3] ~= '0' then
  redis.call('SET', KEYS[2], '1', 'PX', ARGV[3])
end
local token, owner, earlier =
  string.match(redis.call('GET', KEYS[3]) or '', '^1:(%w+):(%w*):(%l+)$')
if token == ARGV[4] and owner == ARGV[2] then
  if ARGV[5] == 'unknown' then
    earlier = 'lost'
  end
  if earlier == 'none' then
    redis.call('DEL', KEYS[3])
  else
    redis.call('SET', KEYS[3], '1:' .. token .. '::' .. earlier, 'KEEPTTL')
  end
end
return {ARGV[1], 'released'}
