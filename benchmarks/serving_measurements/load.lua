-- What wrk sends: the bodies of a file, one after the other, over and over, so that no two requests in a row are alike.
-- wrk -s load.lua URL -- FILE CONTENT_TYPE ACCEPT each|sum
-- FILE: the length of a body in decimal, a newline, the body; and so on.
-- `each`: the threads have one connection each, so the time between two calls of request() is that of one answer.
-- The result is a line of JSON on stderr; times in microseconds.

local threads = {}

function setup(thread)
  thread:set("start", #threads)
  table.insert(threads, thread)
end

function init(args)
  local ffi = require("ffi")
  ffi.cdef("typedef struct { long seconds; long nanoseconds; } moment; int clock_gettime(int clock, moment *now);")
  local moment = ffi.new("moment")
  now = function()
    ffi.C.clock_gettime(1, moment)
    return tonumber(moment.seconds) * 1e6 + tonumber(moment.nanoseconds) / 1e3
  end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = args[2]
  wrk.headers["Accept"] = args[3]
  requests = {}
  local file = assert(io.open(args[1], "rb"))
  for length in function() return file:read("*n") end do
    file:read(1)
    table.insert(requests, wrk.format(nil, nil, nil, file:read(length)))
  end
  file:close()
  -- threads begin at different places
  position = start * 7 % #requests
  times = args[4] == "each" and {} or nil
  last = nil
end

function request()
  if times then
    local moment = now()
    if last then times[#times + 1] = moment - last end
    last = moment
  end
  position = position % #requests + 1
  return requests[position]
end

local function quantile(sorted, share)
  return sorted[math.max(1, math.ceil(share * #sorted))]
end

function done(summary, latency)
  local times = {}
  for _, thread in ipairs(threads) do
    for _, time in ipairs(thread:get("times") or {}) do table.insert(times, time) end
  end
  table.sort(times)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests": %d, "duration_us": %d, "failed": %d, "reset": %d, "refused": %d, "late": %d',
    summary.requests, summary.duration, errors.status, errors.read + errors.write, errors.connect, errors.timeout))
  if #times > 0 then
    io.stderr:write(string.format(
      ', "p50_us": %.1f, "p90_us": %.1f, "p99_us": %.1f, "max_us": %.1f',
      quantile(times, 0.5), quantile(times, 0.9), quantile(times, 0.99), times[#times]))
  end
  io.stderr:write("}\n")
end
