internal import Model
internal import WebDAV

/// LOCK and UNLOCK (RFC 4918 sections 9.10 and 9.11).
enum DAVLocking {
    static func lock(
        _ request: DAVRequest, _ depth: Depth, seconds: UInt32, _ exchange: Exchange
    ) throws(Problem) {
        try DAVState.checkIsKept()
    }

    static func unlock(
        _ token: StateToken, _ request: DAVRequest, _ exchange: Exchange
    ) throws(Problem) {
        try DAVState.checkIsKept()
    }
}

/// PROPPATCH (RFC 4918 section 9.2).
enum DAVProperties {
    static func patch(_ request: DAVRequest, _ exchange: Exchange) throws(Problem) {
        try DAVState.checkIsKept()
    }
}
