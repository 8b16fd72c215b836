-- Posts the lines of a file in turn, and prints what it measured as JSON. With IDEMPOTENT=1 each has a key of its own.
local bodies, prepared, n = {}, {}, 0
local thread_count = 0

function setup(thread)
  thread_count = thread_count + 1
  thread:set("id", thread_count)
end

function init(args)
  local headers = { ["Content-Type"] = os.getenv("BENCH_TYPE") }
  if os.getenv("BENCH_KEY") ~= "" then headers["Authorization"] = "Bearer " .. os.getenv("BENCH_KEY") end
  for line in io.lines(os.getenv("BENCH_BODIES")) do bodies[#bodies + 1] = line end
  for i, body in ipairs(bodies) do prepared[i] = wrk.format("POST", nil, headers, body) end
  idempotent = os.getenv("BENCH_IDEMPOTENT") == "1"
  base = headers
  nonce = os.getenv("BENCH_NONCE")
end

function request()
  n = n + 1
  local i = n % #prepared + 1
  if not idempotent then return prepared[i] end
  base["Idempotency-Key"] = nonce .. "-" .. id .. "-" .. n
  return wrk.format("POST", nil, base, bodies[i])
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('BENCH {"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
