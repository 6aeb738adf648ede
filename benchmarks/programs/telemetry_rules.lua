-- SPDX-License-Identifier: MIT
-- A gateway's rules: devices report, coroutines watch them, alarms are formatted and queued.

local random_state = 1
local function random(n)
  random_state = (random_state * 1103515245 + 12345) % 2147483648
  return random_state // 65536 % n
end

local devices, queue, log = {}, {}, {}

local function watch(device)
  return coroutine.wrap(function()
    local window = {}
    while true do
      local value = coroutine.yield()
      window[#window + 1] = value
      if #window > 8 then table.remove(window, 1) end
      local sum = 0
      for _, each in ipairs(window) do sum = sum + each end
      if sum / #window > 60 then
        queue[#queue + 1] = { device = device.name, mean = sum / #window, tags = { device.room, "high" } }
        window = {}
      end
    end
  end)
end

for i = 1, 40 do
  local device = { name = "sensor-" .. i, room = "room-" .. i % 7 }
  device.rule = watch(device)
  device.rule()
  devices[i] = device
end

for round = 1, 2600 do
  local device = devices[random(#devices) + 1]
  local message = string.format('{"id":"%s","t":%d,"v":%d}', device.name, round * 10, random(100))
  local value = tonumber(message:match('"v":(%d+)'))
  device.last = { time = tonumber(message:match('"t":(%d+)')), value = value, raw = message }
  device.rule(value)
  if round % 50 == 0 then
    for _, alarm in ipairs(queue) do
      log[#log + 1] = table.concat({ alarm.device, string.format("%.1f", alarm.mean), table.concat(alarm.tags, "/") }, ";")
    end
    queue = {}
    while #log > 60 do table.remove(log, 1) end
  end
end
print(#log, log[#log])
