"""The script that makes up for what a Redis server was never told, or has lost."""

from faregate.store.redis_scripts import COMMON

RAISE = (
    COMMON
    + r"""
-- KEYS account, who has something to tell
-- ARGV kind, width, slots back, life, unused, then slot, what the ledger has in it ... in order
-- A budget never stands below what the ledger says was spent. Where it does, the server missed it:
-- what is in the ledger was told before, unless somebody has still to tell it.
local key, now = KEYS[1], clock()
if redis.call('HLEN', KEYS[2]) > 0 then return {'busy', whole(now)} end
if redis.call('HEXISTS', key, 'r') == 0 then return {'unknown', whole(now)} end
local kind, back, life = ARGV[1], tonumber(ARGV[3]), ARGV[4]
local function spent(p) return minus(p[1], p[2], p[3], p[4]) end
local function lacks(i)
  local h, l = split(ARGV[i + 1])
  local sh, sl = spent(pair(redis.call('HGET', key, 's:' .. ARGV[i])))
  return minus(h, l, sh, sl)
end
local rh, rl = 0, 0
local function raise(i, h, l)
  put(key, kind, ARGV[i], back, life, {h, l, 0, 0})
  rh, rl = plus(rh, rl, h, l)
end
if kind == 'c' then
  for i = 6, #ARGV, 2 do
    local h, l = lacks(i)
    if more(h, l, 0, 0) then raise(i, h, l) end
  end
else
  -- By the whole window: a call at the edge of a slot may be in the next one by another clock.
  local head, total = turn(key, tonumber(ARGV[2]), back, now)
  local th, tl = 0, 0
  for i = 6, #ARGV, 2 do
    if tonumber(ARGV[i]) >= head - back then th, tl = plus(th, tl, split(ARGV[i + 1])) end
  end
  local sh, sl = spent(total)
  th, tl = minus(th, tl, sh, sl)
  for i = #ARGV - 1, 6, -2 do
    if not more(th, tl, 0, 0) or tonumber(ARGV[i]) < head - back then break end
    local h, l = lacks(i)
    if more(h, l, th, tl) then h, l = th, tl end
    if more(h, l, 0, 0) then
      raise(i, h, l)
      th, tl = minus(th, tl, h, l)
    end
  end
end
return {'ok', whole(now), text({rh, rl, 0, 0})}
"""
)
