"""What runs inside Redis: each script is one atomic step over every account of a call.

Lua knows only doubles, which are exact to 2^53: $9,007 in pico-dollars. So an amount travels and is
kept as two whole numbers, ``high|low``, for high · 10^9 + low with 0 ≤ low < 10^9. Both stay far
below 2^53 for every amount there is, negative ones included, and sums and comparisons are exact.

An account is a hash. ``s:<slot>`` is ``used high|low|held high|low`` of a slot: the start of a
calendar window in milliseconds, or the number of a rolling window's slot. ``w`` lists the calendar
windows kept; ``head`` and ``t`` are a rolling window's newest slot and its sum; ``r`` says that a
budget was restored from the ledger. All of an account is in one hash, so that a server that evicts
keys loses an account whole, which is noticed, and never a part of it.

A hold is a field of its process's hash: its claims, joined by the record separator, each with its
fields joined by the unit separator (key, kind, measure, slot, amount, width, slots back, life).
"""

COMMON = r"""
local B = 1000000000
local KEPT = 3456000000 -- a dead process's journal may wait for 40 days
local function split(s)
  local high, low = string.match(s, '^(-?%d+)|(%d+)$')
  return tonumber(high), tonumber(low)
end
local function plus(ah, al, bh, bl)
  local h, l = ah + bh, al + bl
  if l >= B then return h + 1, l - B end
  return h, l
end
local function minus(ah, al, bh, bl)
  local h, l = ah - bh, al - bl
  if l < 0 then return h - 1, l + B end
  return h, l
end
local function more(ah, al, bh, bl) return ah > bh or (ah == bh and al > bl) end
local function pair(s)
  if not s then return {0, 0, 0, 0} end
  local a, b, c, d = string.match(s, '^(-?%d+)|(%d+)|(-?%d+)|(%d+)$')
  return {tonumber(a), tonumber(b), tonumber(c), tonumber(d)}
end
local function text(p) return string.format('%.0f|%.0f|%.0f|%.0f', p[1], p[2], p[3], p[4]) end
local function join(p, q)
  local a, b = plus(p[1], p[2], q[1], q[2])
  local c, d = plus(p[3], p[4], q[3], q[4])
  return {a, b, c, d}
end
local function part(p, q)
  local a, b = minus(p[1], p[2], q[1], q[2])
  local c, d = minus(p[3], p[4], q[3], q[4])
  return {a, b, c, d}
end
local function whole(n) return string.format('%.0f', n) end
local function clock()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

-- A rolling account brought to now: its newest slot and what is used in the window.
local function turn(key, width, back, now)
  local index = math.floor(now / width)
  local got = redis.call('HMGET', key, 'head', 't')
  local head, total = tonumber(got[1] or ''), pair(got[2])
  if head and index <= head and index >= head - back then return head, total end
  if head and index > head and index - head <= back then
    local names = {}
    for i = head - back, index - back - 1 do names[#names + 1] = 's:' .. whole(i) end
    local old = redis.call('HMGET', key, unpack(names))
    for i = 1, #names do if old[i] then total = part(total, pair(old[i])) end end
    redis.call('HDEL', key, unpack(names))
  elseif head then
    -- Long idle, or the clock was set: sum up what lies around now, drop what is far away.
    total = pair(nil)
    local every = redis.call('HGETALL', key)
    for i = 1, #every, 2 do
      local slot = tonumber(string.match(every[i], '^s:(-?%d+)$') or '')
      if slot and slot >= index - back and slot <= index + back then
        total = join(total, pair(every[i + 1]))
      elseif slot then
        redis.call('HDEL', key, every[i])
      end
    end
  end
  redis.call('HSET', key, 'head', whole(index), 't', text(total))
  return index, total
end

-- Add to a slot; returns what its window then holds, or nil where nobody looks at it any more.
local function put(key, kind, slot, back, life, change)
  local field, after = 's:' .. slot, nil
  if kind == 'c' then
    local got = redis.call('HMGET', key, field, 'w')
    if not got[1] then
      if change[1] < 0 then return nil end
      local starts = {}
      for each in string.gmatch(got[2] or '', '[^,]+') do starts[#starts + 1] = tonumber(each) end
      starts[#starts + 1] = tonumber(slot)
      table.sort(starts)
      if #starts > 8 then redis.call('HDEL', key, 's:' .. whole(table.remove(starts, 1))) end
      for i = 1, #starts do starts[i] = whole(starts[i]) end
      redis.call('HSET', key, 'w', table.concat(starts, ','))
    end
    after = join(pair(got[1]), change)
    redis.call('HSET', key, field, text(after))
  else
    local got = redis.call('HMGET', key, field, 'head', 't')
    local head, at = tonumber(got[2] or ''), tonumber(slot)
    if head and at < head - back then return nil end
    redis.call('HSET', key, field, text(join(pair(got[1]), change)))
    if not head then redis.call('HSET', key, 'head', slot) end
    if not head or at <= head + back then
      after = join(pair(got[3]), change)
      redis.call('HSET', key, 't', text(after))
    end
  end
  redis.call('PEXPIRE', key, life)
  return after
end

local function claims(record)
  local found = {}
  for each in string.gmatch(record, '[^\30]+') do
    local c = {}
    for value in string.gmatch(each, '[^\31]+') do c[#c + 1] = value end
    found[#found + 1] = c
  end
  return found
end

-- Take a hold's claims out and put what they became in; base is what they counted until now.
local function change(record, held, final, base)
  local out = {}
  for _, c in ipairs(claims(record)) do
    local fh, fl = final(c)
    local bh, bl = base(c)
    local uh, ul = minus(fh, fl, bh, bl)
    local hh, hl = 0, 0
    if held then
      local ah, al = split(c[5])
      hh, hl = minus(0, 0, ah, al)
    end
    local after = put(c[1], c[2], c[4], tonumber(c[7]), c[8], {uh, ul, hh, hl})
    out[#out + 1] = after and text(after) or ''
  end
  return out
end
local function all(c) return split(c[5]) end
local function nothing() return 0, 0 end
local function lapsed(c)
  if c[3] == 'requests' then return split(c[5]) end
  return 0, 0
end
"""

RESERVE = (
    COMMON
    + r"""
-- KEYS era, owners, holds of this process, mark of this call, account...
-- ARGV hold|look, call, owner, owner's life, new era, then kind, measure, amount, limit, a, b, life
local now = clock()
local era = redis.call('GET', KEYS[1])
if not era then
  era = ARGV[5]
  if ARGV[1] == 'hold' then redis.call('SET', KEYS[1], era) end
end
if ARGV[1] == 'hold' then
  if redis.call('HEXISTS', KEYS[3], ARGV[2]) == 1 then return {'twice'} end
  -- Given up by its process while this was on its way: nobody waits for the answer.
  if redis.call('EXISTS', KEYS[4]) == 1 then return {'twice'} end
end
local count = #KEYS - 4
local slots, sums, unknown, refused = {}, {}, {}, nil
for i = 1, count do
  local key, at = KEYS[4 + i], 5 + (i - 1) * 7
  local kind, a, b = ARGV[at + 1], tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  if kind == 'c' then
    if now < a or (b >= 0 and now >= b) then return {'again', whole(now)} end
  end
  if ARGV[at + 2] == 'usd' and redis.call('HEXISTS', key, 'r') == 0 then
    unknown[#unknown + 1] = whole(i - 1)
    sums[i], slots[i] = pair(nil), '0'
  elseif kind == 'c' then
    slots[i] = ARGV[at + 5]
    sums[i] = pair(redis.call('HGET', key, 's:' .. slots[i]))
  else
    local head, total = turn(key, a, b, now)
    slots[i], sums[i] = whole(head), total
    redis.call('PEXPIRE', key, ARGV[at + 7])
  end
  if ARGV[1] == 'hold' and not refused and #unknown == 0 then
    local ah, al = split(ARGV[at + 3])
    local lh, ll = split(ARGV[at + 4])
    local uh, ul = plus(sums[i][1], sums[i][2], ah, al)
    if more(uh, ul, lh, ll) then refused = i end
  end
end
if ARGV[1] == 'look' then
  local out = {'ok', whole(now), era}
  for i = 1, count do
    out[#out + 1] = slots[i]
    out[#out + 1] = text(sums[i])
  end
  for i = 1, #unknown do out[5 + 2 * tonumber(unknown[i])] = '' end
  return out
end
if #unknown > 0 then return {'unknown', whole(now), era, unpack(unknown)} end
if refused then
  local at = 5 + (refused - 1) * 7
  local free = ''
  if ARGV[at + 1] == 'r' then
    local width, back = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
    local ah, al = split(ARGV[at + 3])
    local lh, ll = split(ARGV[at + 4])
    local rh, rl = minus(lh, ll, ah, al)
    local left, head = sums[refused], tonumber(slots[refused])
    for slot = head - back, head + back do
      local kept = redis.call('HGET', KEYS[4 + refused], 's:' .. whole(slot))
      if kept then
        left = part(left, pair(kept))
        if not more(left[1], left[2], rh, rl) then
          free = whole((slot + back + 1) * width)
          break
        end
      end
    end
  end
  return {'no', whole(now), whole(refused - 1), slots[refused], text(sums[refused]), free}
end
local record, out = {}, {'ok', whole(now), era}
for i = 1, count do
  local at = 5 + (i - 1) * 7
  local kind = ARGV[at + 1]
  local ah, al = split(ARGV[at + 3])
  local back = kind == 'r' and ARGV[at + 6] or '0'
  local after = put(
    KEYS[4 + i], kind, slots[i], tonumber(back), ARGV[at + 7], {ah, al, ah, al}
  )
  record[i] = table.concat(
    {KEYS[4 + i], kind, ARGV[at + 2], slots[i], ARGV[at + 3], '0', back, ARGV[at + 7]}, '\31'
  )
  out[#out + 1] = slots[i]
  out[#out + 1] = text(after)
end
redis.call('HSET', KEYS[3], ARGV[2], table.concat(record, '\30'))
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[4]), ARGV[3])
return out
"""
)

CLOSE = (
    COMMON
    + r"""
-- KEYS era, holds of this process, lapsed holds, mark of this call, account...
-- ARGV call, settle|release|lapse, usd, tokens, unpriced, era, record, then what is known of the
-- hold: 'held' (said for the first time), 'again', or 'unsure' (its admission was not answered)
local call, verb, known = ARGV[1], ARGV[2], ARGV[8]
local function mark() return redis.call('SET', KEYS[4], '1', 'NX', 'PX', 3600000) end
if known == 'unsure' and not mark() then return {'gone'} end
local record, held, base = redis.call('HGET', KEYS[2], call), true, all
if record then
  redis.call('HDEL', KEYS[2], call)
else
  held = false
  record, base = redis.call('HGET', KEYS[3], call), lapsed
  if record then
    redis.call('HDEL', KEYS[3], call)
  else
    -- Never held here, or the server lost its memory since: what the call took counts all the same.
    -- Said again in the same era it may have been heard the first time.
    if known == 'again' and redis.call('GET', KEYS[1]) == ARGV[6] then return {'gone'} end
    if verb ~= 'settle' or (known ~= 'unsure' and not mark()) then return {'gone'} end
    record, base = ARGV[7], nothing
  end
end
local function final(c)
  if verb == 'lapse' then return lapsed(c) end
  if verb == 'release' or c[3] == 'parallel' then return 0, 0 end
  if c[3] == 'usd' then return split(ARGV[3]) end
  if c[3] == 'tokens' then return split(ARGV[4]) end
  if c[3] == 'unpriced' then return split(ARGV[5]) end
  return split(c[5])
end
local out = change(record, held, final, base)
if verb == 'lapse' then
  redis.call('HSET', KEYS[3], call, record)
  redis.call('PEXPIRE', KEYS[3], KEPT)
end
return {'ok', whole(clock()), unpack(out)}
"""
)

BEAT = (
    COMMON
    + r"""
-- KEYS owners, lapsed holds, who has something to tell
-- ARGV owner, owner's life, prefix of the holds of a process, how much it has to tell
local now = clock()
if ARGV[4] == '0' then redis.call('HDEL', KEYS[3], ARGV[1])
else redis.call('HSET', KEYS[3], ARGV[1], ARGV[4]) end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. whole(now), 'LIMIT', 0, 8)
local count = 0
for _, owner in ipairs(dead) do
  local every = redis.call('HGETALL', ARGV[3] .. owner)
  for i = 1, #every, 2 do
    change(every[i + 1], true, lapsed, all)
    redis.call('HSET', KEYS[2], every[i], every[i + 1])
    count = count + 1
  end
  redis.call('DEL', ARGV[3] .. owner)
  redis.call('ZREM', KEYS[1], owner)
  redis.call('HDEL', KEYS[3], owner)
end
if count > 0 then redis.call('PEXPIRE', KEYS[2], KEPT) end
return {'ok', whole(now), whole(count)}
"""
)

INHERIT = (
    COMMON
    + r"""
-- KEYS era, owners, lapsed holds, budget...
-- ARGV prefix of holds, call, its start, tokens, unpriced, then what each budget pays
-- 'young': the server forgot since the call began, and what it knows may lack the call.
local usd, seen, found = {}, {}, false
for i = 4, #KEYS do usd[KEYS[i]] = ARGV[2 + i] end
local function final(c)
  if seen[c[1]] or c[3] == 'parallel' then return 0, 0 end
  seen[c[1]] = true
  if c[3] == 'usd' then return split(usd[c[1]] or '0|0') end
  if c[3] == 'tokens' then return split(ARGV[4]) end
  if c[3] == 'unpriced' then return split(ARGV[5]) end
  return split(c[5])
end
local function take(hash, name, held, base)
  local record = redis.call('HGET', hash, name)
  if not record then return end
  redis.call('HDEL', hash, name)
  change(record, held, final, base)
  found = true
end
local owners = redis.call('ZRANGE', KEYS[2], 0, -1)
for n = 1, 9 do -- the holds of a call's later attempts are numbered
  local name = n == 1 and ARGV[2] or ARGV[2] .. '/' .. n
  take(KEYS[3], name, false, lapsed)
  for _, owner in ipairs(owners) do take(ARGV[1] .. owner, name, true, all) end
end
local born = tonumber(string.match(redis.call('GET', KEYS[1]) or '', '^(%d+)-') or '')
local young = not found and born and tonumber(ARGV[3]) < born
return {found and 'ok' or young and 'young' or 'gone', whole(clock())}
"""
)

RESTORE = (
    COMMON
    + r"""
-- KEYS account, owners; ARGV kind, width, slots back, life, prefix of holds, then slot, amount...
local key, now = KEYS[1], clock()
if redis.call('HEXISTS', key, 'r') == 1 then return {'known', whole(now)} end
local kind, back, life = ARGV[1], tonumber(ARGV[3]), ARGV[4]
if kind == 'r' then turn(key, tonumber(ARGV[2]), back, now) end
for i = 6, #ARGV, 2 do
  local h, l = split(ARGV[i + 1])
  put(key, kind, ARGV[i], back, life, {h, l, 0, 0})
end
-- Calls that are under way hold their part, whatever became of the account meanwhile.
for _, owner in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  for _, record in ipairs(redis.call('HVALS', ARGV[5] .. owner)) do
    for _, c in ipairs(claims(record)) do
      if c[1] == key then
        local h, l = split(c[5])
        put(key, kind, c[4], back, life, {h, l, h, l})
      end
    end
  end
end
redis.call('HSET', key, 'r', '1')
redis.call('PEXPIRE', key, life)
return {'ok', whole(now)}
"""
)

FORGET = "redis.call('DEL', KEYS[1]) return {'ok', '0'}"


def encode(amount: int) -> str:
    """An amount as the scripts take it."""
    high, low = divmod(amount, 10**9)
    return f"{high}|{low}"


def decode(text: str) -> tuple[int, int]:
    """(used, held) of an account."""
    first, second, third, fourth = (int(each) for each in text.split("|"))
    return first * 10**9 + second, third * 10**9 + fourth
