internal import Model
internal import NIOCore

/// One client that watches: an answer without end. A client that does not read loses events, and is told
/// how many.
final class EventStream: BodySource {
    private let exchange: Exchange
    private let onClose: (EventStream) -> Void
    private var waiting: [[UInt8]] = []
    private var waitingByteCount = 0
    private var lostCount: UInt64 = 0
    private var hasEnded = false

    init(_ exchange: Exchange, onClose: @escaping (EventStream) -> Void) {
        self.exchange = exchange
        self.onClose = onClose
    }

    func start() {
        exchange.stream(.ok, byteCount: nil, from: self) { head in
            head.field("Content-Type", "text/event-stream")
            head.field("X-Content-Type-Options", "nosniff")
            head.field("Cache-Control", "no-store")
        }
    }

    /// Adds what a client is to see, unless too much waits for it.
    /// - Parameter events: how many it tells of.
    func send(_ text: [UInt8], events: UInt64 = 1) {
        guard waitingByteCount + text.count <= GatewayLimits.eventByteCountMax else {
            lostCount += events
            return
        }
        waiting.append(text)
        waitingByteCount += text.count
        exchange.resumeSource()
    }

    /// The client is to connect again.
    func end() {
        hasEnded = true
        exchange.resumeSource()
    }

    func next() -> BodyPart {
        if !waiting.isEmpty {
            let bytes = waiting.joined()
            waiting = []
            waitingByteCount = 0
            return .bytes(ByteBuffer(bytes: bytes))
        }
        if lostCount > 0 {
            defer { lostCount = 0 }
            return .bytes(ByteBuffer(bytes: EventText.lost(lostCount)))
        }
        return hasEnded ? .end : .wait
    }

    func closed() { onClose(self) }
}

/// Events as a browser's EventSource reads them (WHATWG HTML, "Server-sent events").
enum EventText {
    /// What browsers drop: it keeps the connection from seeming dead.
    static let keepAlive = [UInt8](": still here\n\n".utf8)

    static func event(
        _ name: String, id: String? = nil, _ members: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object(members)
        let head = id.map { "id: \($0)\n" } ?? ""
        // JSON has no line breaks of its own, so that one line is all of it.
        return [UInt8]("\(head)event: \(name)\ndata: ".utf8) + json.bytes + [0x0A, 0x0A]
    }

    /// - Parameter count: nil where nobody knows how many.
    static func lost(_ count: UInt64?) -> [UInt8] {
        event("lost") { json in
            json.member("count") { json in
                if let count { json.value(count) } else { json.null() }
            }
        }
    }
}
