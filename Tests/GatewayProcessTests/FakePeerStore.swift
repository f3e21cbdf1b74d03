import Glibc
import IPC
import Model
import NIOCore
import NIOPosix
import Peering
import Posix
import Testing

@testable import GatewayProcess

/// A store at the other end of a peers' link, over real sockets. All of it on the service's loop.
final class FakePeerStore: PeerStoreConnector {
    private let loop: any EventLoop
    var isListening = true
    /// What came over all links, in order.
    private(set) var attached: [PeersAttached] = []
    private(set) var found: [String] = []
    private(set) var parts: [PeerPart] = []
    private(set) var order: [MessageType] = []
    fileprivate var channel: (any Channel)?
    private var session: Session?
    private var decoder = FrameDecoder()

    init(loop: any EventLoop) { self.loop = loop }

    func openStream() throws(PosixError) -> Descriptor {
        guard isListening else { throw PosixError(ECONNREFUSED, "connect") }
        let pair = try UnixSocket.pair(.stream)
        var mine: Int32 = -1
        let theirs = pair.take { first, second in
            mine = first.release()
            return DescriptorBox(second)
        }
        session = Session(side: .acceptor, role: .store, generation: 1, acceptedRoles: [.gateway])
        decoder = FrameDecoder()
        let handler = NIOLoopBound(FakePeerStoreHandler(store: self), eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(handler.value)
                }
            }
            .withConnectedSocket(mine)
            .whenComplete { _ in }
        guard let taken = theirs.take() else { throw PosixError(EBADF, "socketpair") }
        return taken
    }

    fileprivate func received(_ bytes: ByteBuffer) {
        try? decoder.feed(bytes.readableBytesSpan) { header, payload in
            guard case .notice(let type)? = session?.frameReceived(header, payload: payload) else {
                return true
            }
            order.append(type)
            switch type {
            case .attachPeers:
                if let notice = try? PeersAttached(decoding: payload) { attached.append(notice) }
            case .peerFound:
                if let notice = try? PeerFound(decoding: payload) { found.append(notice.node.name) }
            case .peerReceived:
                if let part = try? PeerPart(decoding: payload) { parts.append(part) }
            default: break
            }
            return true
        }
        flush()
    }

    private func flush() {
        guard let channel, let bytes = session?.output.bytes, !bytes.isEmpty else { return }
        session?.output = ByteWriter()
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    func send(_ part: PeerPart) {
        session?.notify(part, type: .peerSend)
        flush()
    }

    func tell(_ book: PeerBook) {
        session?.notify(book, type: .peerBook)
        flush()
    }

    /// The store dies, or stops reading.
    func die() { channel?.close(promise: nil) }

    func setReading(_ on: Bool) {
        channel?.setOption(.autoRead, value: on).whenComplete { _ in }
    }

    /// Messages that came whole, by sender and number.
    var messages: [(from: String, number: UInt64, byteCount: Int)] {
        var whole: [(from: String, number: UInt64, byteCount: Int)] = []
        var open: [NodeID: (number: UInt64, next: UInt32, byteCount: Int)] = [:]
        for part in parts where part.channel == .connection {
            if part.part == 0 {
                open[part.node] = (part.message, 1, part.bytes.count)
            } else if var begun = open[part.node], begun.number == part.message,
                begun.next == part.part
            {
                begun.next += 1
                begun.byteCount += part.bytes.count
                open[part.node] = begun
            } else {
                open[part.node] = nil
            }
            if part.isLast, let done = open.removeValue(forKey: part.node) {
                whole.append((part.node.name, done.number, done.byteCount))
            }
        }
        return whole
    }
}

private final class FakePeerStoreHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let store: FakePeerStore

    init(store: FakePeerStore) { self.store = store }

    func channelActive(context: ChannelHandlerContext) { store.channel = context.channel }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        store.received(unwrapInboundIn(data))
    }
}

/// Sockets of the loopback for tests.
enum TestSocket {
    private static func make(_ kind: Int32, _ host: String, _ port: UInt16) throws -> Int32 {
        let raw = socket(AF_INET, kind | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { throw PosixError(errno, "socket") }
        var on: Int32 = 1
        let length = socklen_t(MemoryLayout<Int32>.size)
        setsockopt(raw, SOL_SOCKET, SO_REUSEADDR, &on, length)
        setsockopt(raw, SOL_SOCKET, SO_BROADCAST, &on, length)
        if host == "127.255.255.255" { setsockopt(raw, SOL_SOCKET, SO_REUSEPORT, &on, length) }
        let address = InternetAddress(host: host, port: port)
        let result = address?.withSocketAddress { bind(raw, $0, $1) }
        guard result == 0 else {
            let failure = errno
            close(raw)
            throw PosixError(failure, "bind")
        }
        return raw
    }

    /// TCP and UDP at one port.
    static func peerPort(_ host: String = "127.0.0.1") throws -> (
        port: UInt16, listener: Int32, datagrams: Int32
    ) {
        for _ in 0..<100 {
            let listener = try make(Int32(SOCK_STREAM.rawValue), host, 0)
            listen(listener, 128)
            let port = try InternetSocket.boundAddress(of: Descriptor(owning: dup(listener))).port
            if let datagrams = try? make(Int32(SOCK_DGRAM.rawValue), host, port) {
                return (port, listener, datagrams)
            }
            close(listener)
        }
        throw PosixError(EADDRINUSE, "bind")
    }

    static func discovery(port: UInt16) throws -> Int32 {
        try make(Int32(SOCK_DGRAM.rawValue), "127.255.255.255", port)
    }

    /// A UDP socket of a stranger.
    static func datagram() throws -> Descriptor {
        Descriptor(owning: try make(Int32(SOCK_DGRAM.rawValue), "127.0.0.1", 0))
    }
}

/// A peer by hand: blocking calls with time limits on a plain socket.
final class RawPeer {
    let socket: Int32
    private var decoder = FrameDecoder()
    private(set) var frames: [(type: UInt16, payload: [UInt8])] = []
    private(set) var isClosed = false

    init(port: UInt16) throws {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let address = InternetAddress(host: "127.0.0.1", port: port)
        guard address?.withSocketAddress({ connect(socket, $0, $1) }) == 0 else {
            throw PosixError(errno, "connect")
        }
        let length = socklen_t(MemoryLayout<timeval>.size)
        var limit = timeval(tv_sec: 0, tv_usec: 20_000)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, length)
        // Long, as a frame of which the kernel took a part would make nonsense of the next.
        limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, length)
    }

    deinit { close() }

    func close() {
        if !isClosed { Glibc.close(socket) }
        isClosed = true
    }

    /// Sends all of it, or what the other side takes before it closes.
    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else {
                if errno == EAGAIN { Issue.record("nothing was taken for a minute") }
                return
            }
            sent += count
        }
    }

    /// Reads what is there. - Returns: whether the other side closed.
    func poll() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &bytes, bytes.count, 0)
        if count == 0 || (count < 0 && errno == ECONNRESET) { return true }
        guard count > 0 else { return false }
        let read = Array(bytes.prefix(count))
        try? decoder.feed(read.span.bytes) { header, payload in
            frames.append((header.type, payload.withUnsafeBytes { [UInt8]($0) }))
            return true
        }
        return false
    }

    func hello(as name: String, linksSeen: UInt64 = 0, cluster: String = "default") {
        guard let node = NodeID(name), let cluster = ClusterName(cluster) else { return }
        let identity = GatewayIdentity(
            cluster: cluster, node: node, peerPort: 9,
            life: GatewayLife(started: 1, generation: 1, number: 5))
        let hello = PeerHello(identity: identity, kind: .control, linksSeen: linksSeen)
        send(PeerFrame.bytes(.hello, hello))
    }

    func part(_ message: UInt64, _ part: UInt32, isLast: Bool, _ bytes: [UInt8]) {
        send(
            PeerFrame.bytes(
                .part, LinkPart(message: message, part: part, isLast: isLast, bytes: bytes)))
    }

    var types: [UInt16] { frames.map(\.type) }
}
