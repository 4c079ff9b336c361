-- Every request has a path of its own, and its answer must be the one to that path. wrk hands the answers to one
-- connection in order, but not the connection: with the paths in flight known, an answer must be to one of them.
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() next_id = 0; wrong = 0; in_flight = {} end
function request()
  next_id = next_id + 1
  local path = "/api/" .. next_id
  in_flight["answer to " .. path] = true
  return wrk.format("GET", path)
end
function response(status, headers, body)
  if status ~= 200 or not in_flight[body] then wrong = wrong + 1 end
  in_flight[body] = nil
end
function done()
  local sum = 0
  for _, thread in ipairs(threads) do sum = sum + thread:get("wrong") end
  io.write("wrong answers: " .. sum .. "\n")
end
