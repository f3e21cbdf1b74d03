internal import Model
internal import WebDAV

/// Why a request of WebDAV is not done.
enum DAVRefusal: Error, Equatable {
    case problem(Problem)
    /// These locks of members are in the way.
    case members([ActiveLock])

    /// - Parameter href: as the client named the resource of the request.
    func answer(_ exchange: Exchange, href: [UInt8]) {
        switch self {
        case .problem(let problem): exchange.fail(problem)
        case .members(let locks):
            DAVRefusal.answer(exchange, locks, { .lockTokenSubmitted(hrefs: $0) }, href: href)
        }
    }

    /// A multistatus with 423 for each of these locks.
    static func answer(
        _ exchange: Exchange, _ locks: [ActiveLock], _ condition: ([[UInt8]]) -> DAVCondition,
        href: [UInt8]
    ) {
        var writer = MultistatusWriter(now: DAVClock.now(), capacity: 1024)
        writer.members(locked: locks, condition, dependent: href)
        exchange.respond(multistatus: writer.take())
    }
}

extension Exchange {
    /// Answers with a multistatus that is there as a whole.
    func respond(multistatus body: [UInt8]) {
        respond(.multiStatus, type: DAVRoutes.xml, body: body) { head in
            head.field("Cache-Control", "no-cache")
        }
    }
}

/// The time that locks end by.
enum DAVClock {
    /// Milliseconds since 1970.
    static func now() -> UInt64 { UInt64(max(0, WallClock.now().nanoseconds / 1_000_000)) }
}
