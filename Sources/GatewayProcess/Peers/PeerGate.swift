internal import IPC
internal import NIOCore
internal import NIOSSL
internal import Peering

/// Looks at the first bytes of a connection with another gateway, below its encryption: whether both
/// sides have a cluster key, or neither.
///
/// ```
///   here a key:   TLS ──▶ the handshake      a hello ──▶ refused with a sentence      else ──▶ closed
///   here none:    TLS ──▶ refused            all else ──▶ passed on
/// ```
final class PeerGate: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Side {
        case accepted
        case dialed
    }

    private enum State {
        /// What is held decides nothing yet.
        case undecided
        /// Bytes pass.
        case open
        /// The connection ends.
        case refused
    }

    private let side: Side
    private let id: ConnectionID
    private let tls: PeerTLS?
    private let refusal: PeerRefusal
    private unowned let service: PeerService
    private var state: State = .undecided
    private var held: ByteBuffer?
    /// Bytes before the handshake's end.
    private var byteCount = 0
    /// The handshake is done: what comes is of who has the key.
    var isSecured = false
    let seen = PeerTLS.Seen()

    /// - Parameter refusal: what a side without this node's kind of network is told.
    init(
        _ side: Side, id: ConnectionID, tls: PeerTLS?, refusal: PeerRefusal, service: PeerService
    ) {
        self.side = side
        self.id = id
        self.tls = tls
        self.refusal = refusal
        self.service = service
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .refused: return
        case .open:
            count(unwrapInboundIn(data).readableBytes)
            if state == .open { context.fireChannelRead(data) }
        case .undecided:
            var bytes = held ?? ByteBuffer()
            var more = unwrapInboundIn(data)
            count(more.readableBytes)
            bytes.writeBuffer(&more)
            held = bytes
            if state == .undecided { decide(bytes, context) }
        }
    }

    /// A stranger's handshake is bounded, as its hello is.
    private func count(_ more: Int) {
        guard tls != nil, !isSecured else { return }
        byteCount += more
        if byteCount > GatewayLimits.peerHandshakeByteCountMax { refuse(.nonsense) }
    }

    private func decide(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        switch (tls, side, FirstBytes(bytes.readableBytesView)) {
        case (_, _, .tooFew): return
        case (let tls?, .accepted, .encrypted): startAccepting(tls, context)
        case (.some, .accepted, .frame):
            say(context)
            refuse(.theirsMissing)
        case (.some, .accepted, .other): refuse(.nonsense)
        case (.some, .dialed, .encrypted): pass(context)
        case (.some, .dialed, .frame): refuse(.theirsMissing)
        case (.some, .dialed, .other): refuse(.nonsense)
        case (nil, _, .encrypted):
            say(context)
            refuse(.ownMissing)
        case (nil, _, _): pass(context)
        }
    }

    private func startAccepting(_ tls: PeerTLS, _ context: ChannelHandlerContext) {
        do {
            try context.pipeline.syncOperations.addHandler(
                try tls.makeAcceptor(seen), position: .after(self))
            pass(context)
        } catch {
            Log.write(.error, "encryption cannot be set up", ["error": "\(error)"])
            refuse(.nonsense)
        }
    }

    private func pass(_ context: ChannelHandlerContext) {
        state = .open
        guard let bytes = held else { return }
        held = nil
        context.fireChannelRead(wrapInboundOut(bytes))
    }

    private func say(_ context: ChannelHandlerContext) {
        let bytes = PeerFrame.bytes(.refusal, refusal)
        context.writeAndFlush(
            wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: nil)
    }

    private func refuse(_ problem: KeyProblem) {
        state = .refused
        held = nil
        service.keyFailed(id, problem)
    }
}

/// What a connection begins with.
enum FirstBytes: Equatable {
    /// Not told yet.
    case tooFew
    /// A TLS record: of a handshake, or an alert.
    case encrypted
    /// A gateway's first frame, as it is without a cluster key.
    case frame
    case other

    init(_ bytes: some Collection<UInt8>) {
        guard let first = bytes.first else {
            self = .tooFew
            return
        }
        if first == 0x16 || first == 0x15 {
            guard let second = bytes.dropFirst().first else {
                self = .tooFew
                return
            }
            self = second == 0x03 ? .encrypted : .other
            return
        }
        let known = zip(bytes, FirstBytes.frameHead)
        guard known.allSatisfy({ $1 == nil || $0 == $1 }) else {
            self = .other
            return
        }
        self = bytes.count < FirstBytes.frameHead.count ? .tooFew : .frame
    }

    /// A hello or a refusal: a length below 64 KiB, the type, no flags, request 0. Nil: any byte.
    private static let frameHead: [UInt8?] =
        [0, 0, nil, nil, 0, nil, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}
