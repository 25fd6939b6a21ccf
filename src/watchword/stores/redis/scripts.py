"""The writes of the store, in Lua: each script is one atomic step of the server.

``KEYS[1]`` is the key of the counters, ``{ww}:m``; every other key begins as it does, so all of them are in one slot of
a cluster. Arguments are read one after the other (``arg``); one that may be missing is ``""``, or ``=`` and its text.
``docs/reference/redis.md`` says what each key holds.
"""

from __future__ import annotations

from hashlib import sha1

MARGIN = 86_400
"""Seconds that a key outlives its record, and at least those since it was written.

The caller's clock says whether a record lives. The server's clock only sweeps up where no janitor came, so it may be a
day wrong without harm.
"""

_SHARED = """
local at = string.sub(KEYS[1], 1, -2)
local clock = tonumber(redis.call('TIME')[1])
local cursor = 0

local function arg()
  cursor = cursor + 1
  return ARGV[cursor]
end

local function optional()
  local text = arg()
  return text ~= '' and string.sub(text, 2)
end

local function ends(x)
  return x and string.format('%.0f', math.max(tonumber(x), clock) + MARGIN)
end

local function add(key, score, member, last)
  local fresh = redis.call('EXISTS', key) == 0
  redis.call('ZADD', key, score, member)
  if not last then
    redis.call('PERSIST', key)
  elseif fresh then
    redis.call('EXPIREAT', key, last)
  else
    redis.call('EXPIREAT', key, last, 'GT')
  end
end

local function read(kind, key)
  return redis.call('HMGET', at .. 'r:' .. kind .. ':' .. key, 'v', 's', 'g', 'x', 'd', 'n')
end

local function remove(kind, key, row)
  redis.call('DEL', at .. 'r:' .. kind .. ':' .. key, at .. 'e:' .. kind .. ':' .. key)
  redis.call('ZREM', at .. 'k:' .. kind, key)
  redis.call('ZREM', at .. 'x', kind .. ':' .. key)
  if row[2] then redis.call('ZREM', at .. 's:' .. kind .. ':' .. row[2], key) end
  if row[3] then redis.call('ZREM', at .. 'g:' .. kind .. ':' .. row[3], key) end
end

local function record()
  return {kind = arg(), key = arg(), s = optional(), g = optional(), x = optional(), d = arg()}
end

local function write(r, version, number)
  local name, last = at .. 'r:' .. r.kind .. ':' .. r.key, ends(r.x)
  redis.call('HSET', name, 'v', version, 'n', number, 'd', r.d)
  if r.s then redis.call('HSET', name, 's', r.s) end
  if r.g then redis.call('HSET', name, 'g', r.g) end
  if r.x then
    redis.call('HSET', name, 'x', r.x)
    redis.call('EXPIREAT', name, last)
    add(at .. 'x', r.x, r.kind .. ':' .. r.key, last)
  end
  add(at .. 'k:' .. r.kind, number, r.key, last)
  if r.s then add(at .. 's:' .. r.kind .. ':' .. r.s, number, r.key, last) end
  if r.g then add(at .. 'g:' .. r.kind .. ':' .. r.g, number, r.key, last) end
end

local function records()
  local found, seen, clash = {}, {}, false
  for i = 1, tonumber(arg()) do
    local r = record()
    local name = r.kind .. ':' .. r.key
    clash = clash or seen[name] or redis.call('EXISTS', at .. 'r:' .. name) == 1
    seen[name] = true
    found[i] = r
  end
  return found, clash
end

local function create(found)
  for _, r in ipairs(found) do
    write(r, 1, redis.call('HINCRBY', KEYS[1], 'n', 1))
  end
end

local function born()
  local name = redis.call('HGET', KEYS[1], 'born')
  if not name then
    local now = redis.call('TIME')
    name = now[1] .. '.' .. now[2]
    redis.call('HSET', KEYS[1], 'born', name)
  end
  return name
end

local function standing(name)
  local found = redis.call('GET', at .. 'b:' .. name)
  return found, found and tonumber(string.match(found, ':(-?%d+)$'))
end

local function unlist(seq)
  redis.call('ZREMRANGEBYSCORE', at .. 'f', seq, seq)
  redis.call('ZREM', at .. 'u', seq)
end

local function block(name, seq, dies)
  local found, before = standing(name)
  local latest = string.format('%.0f', math.max(before or tonumber(dies), tonumber(dies)))
  if found then unlist(string.match(found, '^%d+')) end
  redis.call('SET', at .. 'b:' .. name, seq .. ':' .. latest, 'EXAT', ends(latest))
  return latest
end

local function about(member)
  local seq, dies, text = string.match(member, '^(%d+):(-?%d+):(.*)$')
  local fact = cjson.decode(text)
  return fact[1], string.gsub(string.gsub(fact[1], '%%', '%%25'), ':', '%%3A') .. ':' .. fact[2], seq, tonumber(dies)
end

local function publish()
  local count, seq = tonumber(arg()), false
  if count > 0 then born() end
  for _ = 1, count do
    local name, dies, fact = arg(), arg(), arg()
    seq = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'head', 1))
    dies = block(name, seq, dies)
    local last = ends(dies)
    add(at .. 'f', seq, seq .. ':' .. dies .. ':' .. fact, last)
    add(at .. 'u', dies, seq, last)
  end
  if seq then redis.call('SPUBLISH', at .. 'news', seq) end
end

local function note()
  local most, last = tonumber(arg()), string.format('%.0f', clock + AUDIT_LIFE)
  for _ = 1, tonumber(arg()) do
    local seq = string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'audit', 1))
    add(at .. 'a', seq, seq .. ':' .. arg(), last)
    redis.call('ZREMRANGEBYRANK', at .. 'a', 0, -most - 1)
  end
end

local function live(row, now)
  return row[1] and (not row[4] or tonumber(row[4]) > now)
end
"""

AUDIT_LIFE = 400 * 86_400
"""Seconds that the audit trail is kept after its last row."""

_PUT = """
local found, clash = records()
if clash then return 0 end
create(found)
note()
return 1
"""

_TAKE = """
local kind, key, now = arg(), arg(), tonumber(arg())
local row = read(kind, key)
if not live(row, now) then return false end
remove(kind, key, row)
note()
return row
"""

_DROP = """
local kind, key = arg(), arg()
local row = read(kind, key)
if not row[1] then return 0 end
remove(kind, key, row)
publish()
note()
return 1
"""

# With a claim ("claim", then "go"), an effect stands between the two: see RedisStore.swap.
_SWAP = """
local step, claim, version, r = arg(), arg(), arg(), record()
local row = read(r.kind, r.key)
if row[1] ~= version then return 0 end
local found, clash = records()
local place = at .. 'e:' .. r.kind .. ':' .. r.key
local held = redis.call('GET', place)
if step == 'claim' then
  if held and string.match(held, '^%d+') == version then return 0 end
  if clash then return -1 end
  redis.call('SET', place, claim)
  if row[4] then redis.call('EXPIREAT', place, ends(row[4])) end
  return 1
end
if claim ~= '' and held ~= claim then return 0 end
if clash then return -1 end
remove(r.kind, r.key, row)
write(r, string.format('%.0f', tonumber(version) + 1), row[6])
create(found)
publish()
note()
return 1
"""

_RELEASE = """
local claim, place = arg(), at .. 'e:' .. arg() .. ':' .. arg()
if redis.call('GET', place) == claim then redis.call('DEL', place) end
return 1
"""

_APPEND = """
publish()
note()
return tonumber(redis.call('HGET', KEYS[1], 'head') or 0)
"""

# An index may name what the TTL took or what has moved on; whoever meets such a name strikes it out.
_FIND = """
local kind, index, field, value = arg(), at .. arg(), tonumber(arg()), arg()
local g, now, limit = optional(), tonumber(arg()), tonumber(arg())
local found, from, page = {}, '-inf', {}
if limit == 0 then return found end
repeat
  page = redis.call('ZRANGEBYSCORE', index, from, '+inf', 'WITHSCORES', 'LIMIT', 0, 500)
  for i = 1, #page, 2 do
    local key = page[i]
    local row = read(kind, key)
    from = '(' .. page[i + 1]
    if not row[1] or (field > 0 and row[field] ~= value) then
      redis.call('ZREM', index, key)
    elseif live(row, now) and (not g or row[3] == g) then
      found[#found + 1] = {key, row[1], row[2], row[3], row[4], row[5]}
      if #found == limit then return found end
    end
  end
until #page < 1000
return found
"""

_LIFE = """
local info = redis.call('INFO', 'replication')
if string.match(info, 'role:(%a+)') ~= 'master' then return redis.error_reply('DEMOTED it is no primary') end
local life = born() .. ':' .. string.match(info, 'master_replid:(%x+)')
local function head()
  return tonumber(redis.call('HGET', KEYS[1], 'head') or 0)
end
"""

_TAIL = (
    _LIFE
    + """
local after, now, limit = arg(), tonumber(arg()), tonumber(arg())
local found, given, from, page = {}, after, after, {}
repeat
  page = redis.call('ZRANGEBYSCORE', at .. 'f', '(' .. from, '+inf', 'LIMIT', 0, limit + 1)
  for _, member in ipairs(page) do
    local seq, dies = string.match(member, '^(%d+):(-?%d+):')
    if tonumber(dies) > now then
      if #found == limit then return {life, tonumber(given), found} end
      found[#found + 1], given = member, seq
    end
    from = seq
  end
until #page <= limit
return {life, head(), found}
"""
)

_STANDING = (
    _LIFE
    + """
local now, found = tonumber(arg()), {}
for n = 2, #ARGV do
  local text, dies = standing(ARGV[n])
  if text and dies > now then
    found[#found + 1] = n - 1
    found[#found + 1] = text
  end
end
return {life, head(), found}
"""
)

_PURGE = """
local now, step, before = arg(), tonumber(arg()), arg()
local removed, names = 0, redis.call('ZRANGEBYSCORE', at .. 'x', '-inf', now, 'LIMIT', 0, step)
for _, name in ipairs(names) do
  local colon = string.find(name, ':', 1, true)
  local kind, key = string.sub(name, 1, colon - 1), string.sub(name, colon + 1)
  local row = read(kind, key)
  remove(kind, key, row)
  if row[1] then removed = removed + 1 end
end
local numbers = redis.call('ZRANGEBYSCORE', at .. 'u', '-inf', now, 'LIMIT', 0, step)
for _, seq in ipairs(numbers) do
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', at .. 'f', seq, seq)) do
    local _, name = about(member)
    local _, dies = standing(name)
    if dies and dies <= tonumber(now) then redis.call('DEL', at .. 'b:' .. name) end
  end
  unlist(seq)
end
local old = 0
if before ~= '' then
  for _, member in ipairs(redis.call('ZRANGE', at .. 'a', 0, step - 1)) do
    if cjson.decode(string.match(member, ':(.*)$'))[2] < tonumber(before) then
      old = old + redis.call('ZREM', at .. 'a', member)
    end
  end
end
return {removed + #numbers + old, (#names == step or #numbers == step or old == step) and 1 or 0}
"""

# Looks at the events above a number, and below that of the last "everything", a page at a time.
_COMPACT = """
local from, step, covered = arg(), tonumber(arg()), {}
for word in string.gmatch(arg(), '%S+') do covered[word] = true end
local found, lasts = standing('everything:')
if not found then return {0, false} end
local last, removed = string.match(found, '^%d+'), 0
local page = redis.call('ZRANGEBYSCORE', at .. 'f', '(' .. from, '(' .. last, 'LIMIT', 0, step)
for _, member in ipairs(page) do
  local what, name, seq, dies = about(member)
  if covered[what] and dies <= lasts then
    unlist(seq)
    redis.call('DEL', at .. 'b:' .. name)
    removed = removed + 1
  end
  from = seq
end
return {removed, #page == step and from}
"""


class Script:
    """The text of one script, and the hash by which a server that has seen it knows it."""

    def __init__(self, body: str) -> None:
        shared = _SHARED.replace("MARGIN", str(MARGIN)).replace("AUDIT_LIFE", str(AUDIT_LIFE))
        self.text = (shared + body).encode()
        self.hash = sha1(self.text, usedforsecurity=False).hexdigest()


PUT, TAKE, DROP, SWAP = Script(_PUT), Script(_TAKE), Script(_DROP), Script(_SWAP)
RELEASE, APPEND, FIND, TAIL, PURGE = Script(_RELEASE), Script(_APPEND), Script(_FIND), Script(_TAIL), Script(_PURGE)
STANDING, COMPACT = Script(_STANDING), Script(_COMPACT)
