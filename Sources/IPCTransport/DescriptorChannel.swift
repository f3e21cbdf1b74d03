internal import Glibc
internal import IPC
internal import Loop
internal import Model
internal import Posix

/// The descriptor socket of a link: each message is the u64 id of a request and its descriptor.
///
/// When the socket is full, descriptors wait here, each with the frames that follow it, so that a
/// frame never arrives before its descriptor.
final class DescriptorChannel {
    private enum Held {
        case descriptor(DescriptorBox, id: UInt64)
        case bytes([UInt8])
    }

    private let loop: EventLoop
    private let socket: Descriptor
    private var watch: PollWatch?
    private var rest: LoopTimer?
    private var held: [Held] = []
    private var heldStart = 0
    /// Bytes of frames that wait here.
    private(set) var heldByteCount = 0
    /// The socket may take more: `advance` is worth a try.
    var onProgress: (() -> Void)?
    var onFailed: ((PosixError) -> Void)?
    private var awaitsWritable = false
    /// Whether the other end's close is a failure by itself. It is before the handshake is done: a
    /// server may refuse this socket and still take the stream, which then waits for it in vain.
    /// Later it is the stream that tells the end, after everything that was sent before.
    var watchesEnd = false { didSet { updateWatch() } }

    init(_ loop: EventLoop, _ socket: consuming Descriptor) throws(PosixError) {
        try SocketOption.setSendBuffer(
            of: socket,
            to: IPCLimits.descriptorsInFlightMax * TransportLimits.descriptorMessageCost)
        self.loop = loop
        self.socket = socket
        let raw = self.socket.rawValue
        watch = try loop.watch(rawDescriptor: raw) { [unowned self] in ready($0) }
    }

    deinit { close() }

    func close() {
        watch?.cancel()
        watch = nil
        rest?.cancel()
        rest = nil
        held = []
        heldStart = 0
        heldByteCount = 0
    }

    /// True while something waits here; what is sent then has to wait behind it.
    var isBlocked: Bool { heldStart < held.count }

    // MARK: Receiving

    /// The descriptor that was announced for `id`: nil where the next message is not that.
    func take(for id: UInt64) -> DescriptorBox? {
        do throws(PosixError) {
            switch try DescriptorSocket.receive(from: socket) {
            case .descriptor(let message, let descriptor):
                return message == Self.message(id) ? DescriptorBox(descriptor) : nil
            default: return nil
            }
        } catch {
            return nil
        }
    }

    private static func message(_ id: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: 8)
        writer.write(id)
        return writer.bytes
    }

    // MARK: Sending

    /// Sends at once: false where the socket takes nothing now.
    func send(_ box: DescriptorBox, for id: UInt64) -> Bool {
        do throws(PosixError) {
            let sent = try box.borrow { descriptor throws(PosixError) in
                try DescriptorSocket.send(descriptor, with: Self.message(id), over: socket)
            }
            switch sent {
            case .sent: return true
            case .wouldBlock:
                awaitsWritable = true
                updateWatch()
            // Somebody took what was to be sent: the frame that follows would announce nothing.
            case .none: onFailed?(PosixError(EBADF, "sendmsg"))
            }
        } catch {
            if error.code == ETOOMANYREFS { takeRest() } else { onFailed?(error) }
        }
        return false
    }

    /// Keeps a descriptor until the socket takes it.
    func hold(_ box: DescriptorBox, for id: UInt64) { held.append(.descriptor(box, id: id)) }

    /// Keeps frames behind the descriptors that wait.
    func hold(_ bytes: [UInt8]) {
        if bytes.isEmpty { return }
        held.append(.bytes(bytes))
        heldByteCount += bytes.count
    }

    /// Sends the descriptors that wait, up to the next frames: those, to be written now, or nil
    /// where nothing waits or the socket is full again.
    func advance() -> [UInt8]? {
        while isBlocked {
            switch held[heldStart] {
            case .bytes(let bytes):
                heldStart += 1
                heldByteCount -= bytes.count
                return bytes
            case .descriptor(let box, let id):
                if !send(box, for: id) { return nil }
                heldStart += 1
            }
        }
        held = []
        heldStart = 0
        return nil
    }

    private func updateWatch() {
        var events: PollWatch.Events = []
        if awaitsWritable { events.insert(.writable) }
        if watchesEnd { events.insert(.disconnected) }
        watch?.update(events)
    }

    private func ready(_ events: PollWatch.Events) {
        awaitsWritable = false
        if watchesEnd, events.contains(.disconnected) {
            watchesEnd = false
            onFailed?(PosixError(ECONNRESET, "recvmsg"))
            return
        }
        updateWatch()
        onProgress?()
    }

    private func takeRest() {
        if rest != nil { return }
        do throws(PosixError) {
            rest = try loop.schedule(after: TransportLimits.descriptorRest) { [unowned self] in
                rest = nil
                onProgress?()
            }
        } catch {
            onFailed?(error)
        }
    }
}
