internal import NIOCore
internal import Synchronization

/// How many connections there are, in all and from each address, over all event loops.
///
/// Behind a lock, which is taken twice in a connection's life.
final class ConnectionCounts: Sendable {
    private struct State {
        var total = 0
        var byAddress: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let max: Int
    private let maxPerAddress: Int

    init(max: Int, maxPerAddress: Int) {
        self.max = max
        self.maxPerAddress = maxPerAddress
    }

    /// Counts one more connection; false where there are too many.
    func add(_ address: String) -> Bool {
        state.withLock { state in
            let present = state.byAddress[address] ?? 0
            guard state.total < max, present < maxPerAddress else { return false }
            state.total += 1
            state.byAddress[address] = present + 1
            return true
        }
    }

    func remove(_ address: String) {
        state.withLock { state in
            state.total -= 1
            let left = (state.byAddress[address] ?? 1) - 1
            state.byAddress[address] = left > 0 ? left : nil
        }
    }
}

/// Tells a client that there are too many connections, and closes.
final class RefusalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let answer: StaticString = """
        HTTP/1.1 503 Service Unavailable\r
        Content-Type: text/plain; charset=utf-8\r
        Content-Length: 31\r
        Retry-After: 1\r
        Connection: close\r
        \r
        There are too many connections.
        """

    func channelActive(context: ChannelHandlerContext) {
        let buffer = context.channel.allocator.buffer(staticString: RefusalHandler.answer)
        let written = context.eventLoop.makePromise(of: Void.self)
        let channel = context.channel
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: written)
    }
}
