-- wrk script: PUT of 4 KiB, each to a path of its own. Argument after `--`: path prefix; below it the folders t1, t2, …
-- (one per thread) must exist where the server does not make them.
local threads = 0

function setup(thread)
    threads = threads + 1
    thread:set("id", threads)
end

function init(args)
    prefix = args[1] .. "/t" .. id .. "/"
    count = 0
    wrk.headers["Content-Type"] = "application/octet-stream"
    body = string.rep("0123456789abcde\n", 256)
end

function request()
    count = count + 1
    return wrk.format("PUT", prefix .. count, nil, body)
end
