-- wrk script: GET of one of COUNT files at random. Arguments after `--`: path prefix, COUNT.
-- The requests are formatted once, so that wrk's own work is small and the same for every server.
local requests = {}

function init(args)
    math.randomseed(tonumber(tostring(requests):match("0x(%x+)"), 16) % 1000003)
    for number = 0, tonumber(args[2]) - 1 do
        requests[#requests + 1] = wrk.format("GET", string.format("%s/%04d", args[1], number))
    end
end

function request()
    return requests[math.random(#requests)]
end
