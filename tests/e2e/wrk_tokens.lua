-- Requests with bearer tokens that change while it runs. The file named by the first argument holds a token a line,
-- "previous TOKEN" or "newest TOKEN", and is replaced by rename. The first thread sends those of the previous key and
-- the second those of the newest. Statuses are counted.
local threads = {}
function setup(thread)
  thread:set("kind", #threads % 2 == 0 and "previous" or "newest")
  table.insert(threads, thread)
end
function init(args)
  file = args[1]
  sent = 0
  tokens = {}
  statuses = ""
  counts = {}
end
local function read()
  local lines = io.open(file)
  local found = {}
  for line in lines:lines() do
    local of, token = line:match("^(%S+) (%S+)$")
    if of == kind then table.insert(found, wrk.format("GET", wrk.path, { Host = "a", Authorization = "Bearer " .. token })) end
  end
  lines:close()
  tokens = found
end
function request()
  -- Often enough that a token of the newest key is in use at once.
  if sent % 50 == 0 then read() end
  sent = sent + 1
  return tokens[sent % #tokens + 1]
end
function response(status)
  counts[status] = (counts[status] or 0) + 1
  if counts[status] == 1 then statuses = statuses .. status .. " " end
end
function done()
  for _, thread in ipairs(threads) do
    for status in thread:get("statuses"):gmatch("%d+") do
      io.write(thread:get("kind") .. " " .. status .. ": " .. thread:get("counts")[tonumber(status)] .. "\n")
    end
  end
end
