internal import IPC
internal import Model

/// The answers to writes.
enum WriteAnswer {
    /// 201 for a new file, 200 for one that was replaced.
    static func put(_ response: WriteResponse, _ write: WriteRequest, to exchange: Exchange) {
        let isNew = response.outcome == .created
        var json = JSONWriter()
        json.object { json in
            json.member("success", true)
            json.key("path")
            json.value(utf8: write.path.bytes)
            json.member("size", write.byteCount)
            json.member("checksum", write.digest.hex)
            json.member("version", response.versionName)
            json.member("copies", response.copies)
        }
        exchange.respond(isNew ? .created : .ok, type: "application/json", body: json.bytes) {
            head in
            head.field("ETag", bytes: EntityTag.text(write.digest))
            head.field("X-ClusterF-Copies", UInt64(response.copies))
            head.field("X-ClusterF-Version", response.versionName)
            promise(response, to: &head)
            if isNew { head.field("Location", bytes: RequestPath.url(of: write.path)) }
        }
    }

    static func deleted(_ response: WriteResponse, to exchange: Exchange) {
        exchange.respondWithoutBody(.noContent) { promise(response, to: &$0) }
    }

    /// What of the usual promise does not hold yet, or not for certain.
    static func promise(_ response: WriteResponse, to head: inout HeadWriter) {
        if response.isListingPending { head.field("X-ClusterF-Listing", "pending") }
        if response.isDecidedInReach { head.field("X-ClusterF-Consistency", "reachable") }
    }

    /// 201 where nothing had the name, 200 where something had.
    static func transferred(
        _ response: WriteResponse, to path: StorePath, _ exchange: Exchange
    ) {
        let isNew = response.outcome == .created
        // A tree has no version of its own.
        let isFile = response.dot.sequence != 0
        var json = JSONWriter()
        json.object { json in
            json.member("success", true)
            json.key("path")
            json.value(utf8: path.bytes)
            if isFile {
                json.member("version", response.versionName)
                json.member("copies", response.copies)
            }
        }
        exchange.respond(isNew ? .created : .ok, type: "application/json", body: json.bytes) {
            head in
            if isFile {
                head.field("X-ClusterF-Copies", UInt64(response.copies))
                head.field("X-ClusterF-Version", response.versionName)
            }
            promise(response, to: &head)
            head.field("Location", bytes: RequestPath.url(of: path))
        }
    }

    /// 201 for a new directory, 200 for one that was there.
    static func makeDirectory(
        _ response: WriteResponse, _ path: StorePath, to exchange: Exchange
    ) {
        let isNew = response.outcome == .directoryMade
        var json = JSONWriter()
        json.object { json in
            json.member("success", true)
            json.key("path")
            json.value(utf8: path.bytes)
        }
        exchange.respond(isNew ? .created : .ok, type: "application/json", body: json.bytes) {
            head in
            promise(response, to: &head)
            if isNew { head.field("Location", bytes: RequestPath.url(of: path) + [0x2F]) }
        }
    }
}

/// What a client is told where the store's answer is not the one that was asked for.
enum StoreFailure {
    static func problem(_ reply: StoreReply) -> Problem {
        guard case .failed(let error) = reply else { return nonsense }
        return Problem(error)
    }

    /// The link checks each answer against its request, so this is a mistake of ours.
    static var nonsense: Problem {
        Problem(.internalError, "internal", "The store's answer made no sense.")
    }
}
