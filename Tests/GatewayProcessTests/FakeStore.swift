import Glibc
import IPC
import Model
import NIOCore
import NIOEmbedded
import Posix
import Testing

@testable import GatewayProcess

/// A store in memory at the other end of an embedded channel.
final class FakeStore: StoreConnector {
    struct Received {
        var id: UInt64
        var type: MessageType
        var payload: [UInt8]

        /// The message that the payload holds.
        func message<M: Message>(_: M.Type) throws -> M {
            let span = payload.span
            return try M(decoding: span.bytes)
        }
    }

    let loop: EmbeddedEventLoop
    /// Whether a connect finds somebody.
    var isListening = true
    var connectCount = 0
    var credit: UInt32 = 16
    /// Requests and notices that came, in order.
    var received: [Received] = []
    /// Answers at once where it returns true.
    var onRequest: (FakeStore, Received) -> Bool = { _, _ in false }

    private(set) var channel: EmbeddedChannel?
    private var session: Session?
    private var decoder = FrameDecoder()
    private var descriptors: Descriptor?

    init(loop: EmbeddedEventLoop) { self.loop = loop }

    func connect(token: Bits128, handler: StoreLinkHandler) throws(PosixError) -> DescriptorBox {
        connectCount += 1
        guard isListening else { throw PosixError(111, "connect") }
        session = Session(
            side: .acceptor, role: .store, generation: 1, acceptedRoles: [.gateway],
            credit: credit)
        decoder = FrameDecoder()
        let pair = try UnixSocket.pair(.seqpacket)
        var mine: DescriptorBox?
        let theirs = pair.take { first, second in
            mine = DescriptorBox(first)
            return DescriptorBox(second)
        }
        descriptors = mine?.take()
        let channel = EmbeddedChannel(handler: handler, loop: loop)
        self.channel = channel
        channel.connect(to: FakeStore.address, promise: nil)
        return theirs
    }

    static let address = SocketAddress(
        sockaddr_un(sun_family: sa_family_t(AF_UNIX), sun_path: sockaddr_un().sun_path))

    /// Reads what the link sent, and answers what `onRequest` answers, until all is quiet.
    func pump() {
        for _ in 0..<1000 {
            loop.run()
            guard let channel, let bytes = try? channel.readOutbound(as: ByteBuffer.self) else {
                return
            }
            var decoder = self.decoder
            try? decoder.feed(bytes.readableBytesSpan) { header, payload in
                take(header, payload)
                return true
            }
            self.decoder = decoder
            flush()
        }
    }

    private func take(_ header: FrameHeader, _ payload: RawSpan) {
        guard let event = session?.frameReceived(header, payload: payload) else { return }
        let bytes = payload.withUnsafeBytes { [UInt8]($0) }
        switch event {
        case .request(let id, let type):
            let request = Received(id: id, type: type, payload: bytes)
            received.append(request)
            _ = onRequest(self, request)
        case .notice(let type): received.append(Received(id: 0, type: type, payload: bytes))
        default: break
        }
    }

    func flush() {
        guard let channel, let bytes = session?.output.bytes, !bytes.isEmpty else { return }
        session?.output = ByteWriter()
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes))
        loop.run()
    }

    func answer(_ request: Received, _ message: some Message) {
        session?.answer(request.id, type: request.type, message)
    }

    func notify(_ message: some Message, _ type: MessageType) {
        session?.notify(message, type: type)
        flush()
    }

    func fail(_ request: Received, _ code: RemoteError.Code) {
        fail(request, RemoteError(code, "\(code)"))
    }

    func fail(_ request: Received, _ error: RemoteError) {
        session?.fail(request.id, type: request.type, error)
    }

    /// Answers with a descriptor; `id` is what the descriptor says it belongs to.
    func answer(
        _ request: Received, _ message: some Message, _ file: TemporaryFile, id: UInt64? = nil
    ) {
        switch descriptors {
        case .some(let socket):
            _ = try? DescriptorSocket.send(
                file.descriptor, with: DescriptorMessage.bytes(id ?? request.id), over: socket)
        case .none: break
        }
        session?.answer(request.id, type: request.type, message, descriptor: true)
    }

    /// Answers a request that the link has given up, as a store does that has not seen the cancel.
    func answerLate(_ request: Received, _ message: some Message, _ file: TemporaryFile) {
        switch descriptors {
        case .some(let socket):
            _ = try? DescriptorSocket.send(
                file.descriptor, with: DescriptorMessage.bytes(request.id), over: socket)
        case .none: break
        }
        let frame = FrameWriter.frame(
            message, type: request.type, flags: [.response, .descriptor], requestID: request.id)
        _ = try? channel?.writeInbound(ByteBuffer(bytes: frame))
        loop.run()
    }

    /// The store dies.
    func die() {
        isListening = false
        let channel = channel
        self.channel = nil
        descriptors = nil
        channel?.close(promise: nil)
        loop.run()
    }

    func types() -> [MessageType] { received.map(\.type) }
}

/// A file without a name.
final class TemporaryFile {
    let descriptor: Descriptor

    init(_ content: [UInt8] = []) throws {
        guard let opened = TemporaryFile.open()?.take() else { throw PosixError(errno, "mkstemp") }
        descriptor = opened
        if !content.isEmpty { try FileIO.write(content, to: descriptor, at: 0) }
    }

    private static func open() -> DescriptorBox? {
        var name = Array("/tmp/clusterf-test-XXXXXX\0".utf8CString)
        let number = mkstemp(&name)
        guard number >= 0 else { return nil }
        unlink(name)
        return DescriptorBox(Descriptor(owning: number))
    }

    func overwrite(_ bytes: [UInt8], at offset: Int64) throws {
        try FileIO.write(bytes, to: descriptor, at: offset)
    }

    var content: [UInt8] {
        get throws { try FileIO.read(descriptor, count: 1 << 24, at: 0) }
    }
}

/// Runs what would wait for a disk in place.
final class InlineWork: BackgroundWork {
    var isHeld = false
    private var held: [() -> Void] = []

    func run(
        _ work: @escaping @Sendable () throws -> Void,
        completion: @escaping (Result<Void, any Error>) -> Void
    ) {
        let step = { completion(Result { try work() }) }
        if isHeld { held.append(step) } else { step() }
    }

    /// What was asked for last, alone.
    func releaseLast() {
        let step = held.popLast()
        step?()
    }

    func release() {
        isHeld = false
        let steps = held
        held = []
        for step in steps { step() }
    }
}

/// A gateway's loop with a fake store, and one client.
final class Bench {
    let loop = EmbeddedEventLoop()
    let store: FakeStore
    let work = InlineWork()
    let context: LoopContext
    let client: EmbeddedChannel
    let socket = Socket()
    private(set) var isClosed = false

    init(
        _ values: [String: String] = [:], connects: Bool = true, isFromLoopback: Bool = true
    ) throws {
        var settings = [
            "node_id": "n1", "store_socket": "/s", "store_fds_socket": "/f", "event_loops": "1",
        ]
        settings.merge(values) { $1 }
        let parsed = try GatewaySettings(Settings(settings), coreCount: 1)
        store = FakeStore(loop: loop)
        store.isListening = connects
        let link = StoreLink(
            loop: loop, generation: 1, connector: store, generator: SplitMix64(seed: 1))
        context = LoopContext(
            eventLoop: loop, settings: parsed, link: link, background: work,
            generator: SplitMix64(seed: 2))
        link.start()
        client = EmbeddedChannel(loop: loop)
        client.allowRemoteHalfClosure = true
        try client.pipeline.syncOperations.addHandler(socket)
        try client.pipeline.syncOperations.addHandler(
            Connection(context: context, router: Router(), isFromLoopback: isFromLoopback))
        client.connect(to: FakeStore.address, promise: nil)
        client.closeFuture.assumeIsolated().whenComplete { [self] _ in isClosed = true }
        store.pump()
    }

    /// Another client, that sends this.
    func connect(_ text: String) throws -> EmbeddedChannel {
        let other = EmbeddedChannel(loop: loop)
        other.allowRemoteHalfClosure = true
        try other.pipeline.syncOperations.addHandler(
            Connection(context: context, router: Router(), isFromLoopback: true))
        other.connect(to: FakeStore.address, promise: nil)
        _ = try? other.writeInbound(ByteBuffer(string: text))
        store.pump()
        return other
    }

    func send(_ text: String) throws { try send([UInt8](text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        _ = try? client.writeInbound(ByteBuffer(bytes: bytes))
        store.pump()
    }

    /// What the client has got since the last call.
    func output() throws -> String { String(decoding: try outputBytes(), as: UTF8.self) }

    func outputBytes() throws -> [UInt8] {
        loop.run()
        var out: [UInt8] = []
        while let bytes = try client.readOutbound(as: ByteBuffer.self) {
            out += bytes.readableBytesView
        }
        return out
    }

    func advance(seconds: Int64) {
        loop.advanceTime(by: .seconds(seconds))
        store.pump()
    }

    static let facts = FileFacts(
        byteCount: 5, digest: ContentHasher.digest(of: [UInt8]("hello".utf8)),
        contentType: "text/plain", created: Timestamp(nanoseconds: 1_000_000_000),
        modified: Timestamp(nanoseconds: 784_111_777_000_000_000),
        dot: Dot(disk: DiskID(bits: Bits128(high: 1, low: 2)), sequence: 3),
        time: HybridTime(value: 4))

    static let written = WriteResponse(
        outcome: .created, dot: facts.dot, time: facts.time, copies: 1)

    /// Answers every look-up with the small file "hello", every write with 201.
    func answerEverything() {
        store.onRequest = { store, request in
            switch request.type {
            case .lookup:
                store.answer(request, LookupResponse.inline(Bench.facts, [UInt8]("hello".utf8)))
            case .put, .commitUpload: store.answer(request, Bench.written)
            default: store.fail(request, .invalid)
            }
            return true
        }
    }
}

/// The client's socket: counts how often the connection asks for more, and reads regions of files
/// when they are written, as the kernel does.
final class Socket: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = ByteBuffer
    var readCount = 0

    func read(context: ChannelHandlerContext) {
        readCount += 1
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .byteBuffer(let bytes): context.write(wrapOutboundOut(bytes), promise: promise)
        case .fileRegion(let region):
            let bytes = (try? Socket.read(region)) ?? []
            context.write(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: promise)
        }
    }

    private static func read(_ region: FileRegion) throws -> [UInt8] {
        try region.fileHandle.withUnsafeFileDescriptor { number in
            let file = Descriptor(owning: dup(number))
            return try FileIO.read(
                file, count: region.readableBytes, at: Int64(region.readerIndex))
        }
    }
}
