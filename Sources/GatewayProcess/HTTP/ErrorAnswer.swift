internal import Model
internal import WebDAV

/// Writes what a client is told of a problem.
enum ErrorAnswer {
    static func write(_ problem: Problem, to exchange: Exchange) {
        if let condition = problem.condition {
            return exchange.respond(
                problem.status, type: "application/xml; charset=utf-8",
                body: ErrorBody.bytes(condition)
            ) { head in head.field("Cache-Control", "no-store") }
        }
        let isForPrograms = exchange.head.path.starts(with: "/api/".utf8)
        exchange.respond(problem.status, body: isForPrograms ? json(problem) : text(problem)) {
            head in
            fields(problem, isForPrograms: isForPrograms, to: &head)
            // A method that does not fit what is there is WebDAV's alone.
            if problem.status == .methodNotAllowed { head.field("Allow", DAVRoutes.allowed) }
        }
    }

    /// The fields of an answer to a request that has no exchange.
    static func fields(_ problem: Problem, isForPrograms: Bool, to head: inout HeadWriter) {
        if isForPrograms {
            head.field("Content-Type", "application/json")
        } else {
            head.field("Content-Type", "text/plain; charset=utf-8")
        }
        head.field("X-Content-Type-Options", "nosniff")
        head.field("Cache-Control", "no-store")
        if problem.isDecidedInReach { head.field("X-ClusterF-Consistency", "reachable") }
        if problem.status == .unavailable {
            head.field("Retry-After", UInt64(GatewayLimits.retryAfterSeconds))
        }
    }

    static func json(_ problem: Problem) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("error") { json in
                json.object { json in
                    json.member("code", problem.code)
                    json.member("message", problem.message)
                    json.member("hint", problem.hint)
                }
            }
        }
        return json.bytes
    }

    static func text(_ problem: Problem) -> [UInt8] {
        let hint = problem.hint.isEmpty ? "" : "\n\(problem.hint)"
        return [UInt8]("\(problem.message)\(hint)\n".utf8)
    }
}
