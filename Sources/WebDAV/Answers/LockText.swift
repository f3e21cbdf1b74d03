/// Locks as XML.
package enum LockText {
    /// The lockdiscovery property (RFC 4918 section 15.8).
    static func appendDiscovery(_ locks: [ActiveLock], now: UInt64, to out: inout [UInt8]) {
        guard !locks.isEmpty else {
            out += empty
            return
        }
        out += "<D:lockdiscovery>".utf8
        for lock in locks { append(lock, now: now, to: &out) }
        out += "</D:lockdiscovery>".utf8
    }

    private static let empty = [UInt8]("<D:lockdiscovery/>".utf8)

    /// An activelock element (section 14.1).
    private static func append(_ lock: ActiveLock, now: UInt64, to out: inout [UInt8]) {
        out += "<D:activelock><D:locktype><D:write/></D:locktype><D:lockscope>".utf8
        out += (lock.scope == .exclusive ? "<D:exclusive/>" : "<D:shared/>").utf8
        out += "</D:lockscope><D:depth>".utf8
        out += (lock.reach == .infinity ? "infinity" : "0").utf8
        out += "</D:depth>".utf8
        if let owner = lock.owner { out += owner }
        out += "<D:timeout>Second-".utf8
        PropertyText.append(lock.secondsLeft(at: now), to: &out)
        out += "</D:timeout><D:locktoken><D:href>".utf8
        out += lock.token.uri
        out += "</D:href></D:locktoken><D:lockroot><D:href>".utf8
        out += lock.href
        out += "</D:href></D:lockroot></D:activelock>".utf8
    }

    /// The body of the answer to a LOCK that was granted or refreshed (section 9.10.1).
    ///
    /// - Parameters:
    ///   - locks: those that cover the resource now.
    ///   - now: milliseconds since 1970.
    package static func body(_ locks: [ActiveLock], now: UInt64) -> [UInt8] {
        var out = XMLProlog.bytes
        out += "<D:prop xmlns:D=\"DAV:\">".utf8
        appendDiscovery(locks, now: now, to: &out)
        out += "</D:prop>\n".utf8
        return out
    }
}

/// What texts of XML begin with.
enum XMLProlog {
    static let bytes = [UInt8]("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n".utf8)
}
