internal import Loop
internal import Model
internal import Posix

/// A descriptor socket from its accept until its link is known: its first message is the token.
final class UnpairedSocket {
    private let box: DescriptorBox
    private var watch: PollWatch?
    private var timer: LoopTimer?
    let peerPID: Int32
    private(set) var token: Bits128?
    /// The token came.
    var onToken: ((Bits128) -> Void)?
    /// Closed, as nothing that belongs here came in time.
    var onEnd: (() -> Void)?

    init(
        _ loop: EventLoop, _ socket: consuming Descriptor, peerPID: Int32
    ) throws(PosixError) {
        self.peerPID = peerPID
        let raw = socket.rawValue
        box = DescriptorBox(socket)
        let watch = try loop.watch(rawDescriptor: raw) { [unowned self] _ in receive() }
        self.watch = watch
        watch.update(.readable)
        timer = try loop.schedule(after: TransportLimits.handshakeTime) { [unowned self] in
            end()
        }
    }

    deinit { close() }

    /// The socket, for its link.
    func take() -> Descriptor? {
        close()
        return box.take()
    }

    func close() {
        watch?.cancel()
        watch = nil
        timer?.cancel()
        timer = nil
    }

    private func end() {
        close()
        onEnd?()
    }

    private func receive() {
        // What follows the token is for the link to read.
        watch?.update([])
        do throws(PosixError) {
            let received = try box.borrow { socket throws(PosixError) in
                try DescriptorSocket.receive(from: socket)
            }
            guard case .some(.bytes(let message)) = received, let token = Token.decode(message)
            else { return end() }
            self.token = token
            onToken?(token)
        } catch {
            end()
        }
    }
}

/// The first message of a descriptor socket: the token of the hello on the stream beside it.
enum Token {
    static func encode(_ token: Bits128) -> [UInt8] {
        var writer = ByteWriter(capacity: 16)
        writer.write(token.high)
        writer.write(token.low)
        return writer.bytes
    }

    static func decode(_ message: [UInt8]) -> Bits128? {
        var reader = ByteReader(unsafe message.span.bytes)
        do throws(DecodeError) {
            let token = Bits128(high: try reader.readUInt64(), low: try reader.readUInt64())
            try reader.finish()
            return token
        } catch {
            return nil
        }
    }
}
