-- Claims the right to refresh a session whose record is still the one read.
-- The owner of a lease renews it by claiming again.
-- Before the issuer is called the attempt is noted, so that whoever claims next
-- can tell what became of it. The note is `1:<digest of the refresh
-- token>:<owner>:<earlier>`. A write-back, a deletion, or a release by the owner who
-- knows that the token was not taken, ends it.
-- KEYS: record, lease, void mark of this owner, attempt. ARGV: nonce, owner, life
-- of the lease in ms, record as read, digest of its refresh token, life of the
-- note in ms.
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
local token, owner, earlier =
  string.match(redis.call('GET', KEYS[4]) or '', '^1:(%w+):(%w*):(%l+)$')
if token ~= ARGV[5] then
  earlier = 'none'
elseif owner ~= '' and owner ~= ARGV[2] then
  -- Another held the lease, and left no word of how its attempt ended.
  earlier = 'cut'
end
redis.call('SET', KEYS[4], '1:' .. ARGV[5] .. ':' .. ARGV[2] .. ':' .. earlier, 'PX', ARGV[6])
return {ARGV[1], 'claimed', earlier}
