-- wrk: send each of the requests that were signed beforehand, once, then stop; print what was measured as JSON.
local requests, next_request, pause = {}, 0, tonumber(os.getenv("PAUSE_MS") or "0")
local again = os.getenv("AGAIN") == "yes"

function init(args)
  local file = assert(io.open(os.getenv("REQUESTS"), "rb"))
  while true do
    local length = file:read(8)
    if not length then break end
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function delay()
  -- Spread, so that connections do not march in step.
  return pause > 0 and math.floor(pause * (0.5 + math.random())) or 0
end

function request()
  next_request = next_request + 1
  if next_request > #requests then
    if again then
      next_request = 1
    else
      -- wrk knows no end but its duration and a signal: tell the caller, and ask for nothing more.
      if next_request == #requests + 1 then io.open(os.getenv("EXHAUSTED"), "w"):close() end
      return "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    end
  end
  return requests[next_request]
end

function done(summary, latency)
  io.write(string.format(
    '\nMEASURED {"requests": %d, "seconds": %.4f, "p50_ms": %.2f, "p95_ms": %.2f, "p99_ms": %.2f, "errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
    latency:percentile(99) / 1e3,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout))
end
