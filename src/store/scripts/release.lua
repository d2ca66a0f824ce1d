-- Gives a lease back. After a claim whose answer was lost it leaves a mark
-- ('1!' instead of '1:') that makes that claim void should it still arrive; to
-- everybody else a marked lease is free.
-- KEYS: lease. ARGV: nonce, owner, life of the mark in ms (0: no mark).
local lease = redis.call('GET', KEYS[1])
local mine = lease == '1:' .. ARGV[2]
if ARGV[3] == '0' then
  if mine then
    redis.call('DEL', KEYS[1])
  end
elseif mine or not lease then
  redis.call('SET', KEYS[1], '1!' .. ARGV[2], 'PX', ARGV[3])
end
return {ARGV[1], 'released'}
