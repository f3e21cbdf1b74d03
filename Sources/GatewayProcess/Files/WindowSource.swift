internal import IPC
internal import Model
internal import NIOCore
internal import Posix

/// An answer's body made of parts of a content that the store has to read for the gateway, since it lies
/// in no file of its own, or not as it is. It comes in windows, one ahead of what the client takes.
///
/// The store keeps nothing of the transfer: after its restart the next window is asked for again.
final class WindowSource: BodySource {
    private let object: ObjectID
    private let link: StoreLink
    private let loop: any EventLoop
    private let resume: () -> Void
    /// Called where the store cannot give what was stored.
    private let suspected: () -> Void

    private var segments: ArraySlice<FileSource.Segment>
    /// What is still to be asked for, of the segments.
    private var wanted: ArraySlice<Range<UInt64>>
    /// Windows that came and were not taken, in order.
    private var windows = CircularBuffer<ByteBuffer>()
    private var isAsking = false
    private var windowByteCount = GatewayLimits.windowByteCountFirst
    private var lastTaken: NIODeadline?
    private var hasFailed = false
    private var isClosed = false
    /// Waits for the first window.
    private var whenOpen: ((RemoteError?) -> Void)?

    /// - Parameter resume: called when `next` has something again.
    init(
        _ object: ObjectID, segments: [FileSource.Segment], link: StoreLink, loop: any EventLoop,
        suspected: @escaping () -> Void = {}, resume: @escaping () -> Void
    ) {
        self.suspected = suspected
        self.object = object
        self.link = link
        self.loop = loop
        self.resume = resume
        self.segments = segments[...]
        wanted =
            segments.compactMap { segment in
                if case .file(let range) = segment, !range.isEmpty { range } else { nil }
            }[...]
    }

    /// Begins to read. `done` is called once: with the error where there is no first window, so that the
    /// client can be told instead of cut off.
    func open(_ done: @escaping (RemoteError?) -> Void) {
        guard !wanted.isEmpty else { return done(nil) }
        whenOpen = done
        ask()
    }

    // MARK: From the store

    private func ask() {
        guard !isAsking, !isClosed, !hasFailed, windows.count < GatewayLimits.windowsAheadMax,
            let range = wanted.first
        else { return }
        isAsking = true
        let count = min(windowByteCount, UInt64(range.count))
        let request = ReadContentRequest(
            object: object, offset: range.lowerBound, byteCount: UInt32(count))
        link.call(.readContent(request)) { [self] reply in
            isAsking = false
            guard !isClosed else { return }
            received(reply, of: range)
        }
    }

    private func received(_ reply: StoreReply, of range: Range<UInt64>) {
        let window: ByteBuffer
        do {
            window = try WindowSource.bytes(reply)
        } catch {
            hasFailed = true
            Log.write(.error, "a content could not be read", ["error": "\(error)"])
            if error.code == .internalError { suspected() }
            return opened(error)
        }
        let end = range.lowerBound + UInt64(window.readableBytes)
        if end < range.upperBound {
            wanted[wanted.startIndex] = end..<range.upperBound
        } else {
            wanted.removeFirst()
        }
        windows.append(window)
        opened(nil)
        ask()
    }

    private func opened(_ error: RemoteError?) {
        if let done = whenOpen {
            whenOpen = nil
            return done(error)
        }
        resume()
    }

    private static func bytes(_ reply: StoreReply) throws(RemoteError) -> ByteBuffer {
        switch reply {
        case .content(.inline(let bytes), _) where !bytes.isEmpty: return ByteBuffer(bytes: bytes)
        case .content(.descriptor(let byteCount), let box?) where byteCount > 0:
            guard let memory = box.take() else { throw .windowLost }
            return try read(memory, byteCount)
        case .failed(let error): throw error
        default: throw .windowLost
        }
    }

    /// From memory: nobody waits for a disk.
    private static func read(
        _ memory: borrowing Descriptor, _ byteCount: UInt64
    ) throws(RemoteError) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(Int(byteCount))
        var failure: PosixError?
        var offset: Int64 = 0
        while offset < Int64(byteCount), failure == nil {
            let wanted = Int(byteCount) - Int(offset)
            let count = unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) {
                room in
                do throws(PosixError) {
                    let part = unsafe UnsafeMutableRawBufferPointer(rebasing: room[..<wanted])
                    return unsafe try FileIO.read(memory, into: part, at: offset)
                } catch {
                    failure = error
                    return 0
                }
            }
            if count == 0 { break }
            offset += Int64(count)
        }
        guard offset == Int64(byteCount) else { throw .windowLost }
        return buffer
    }

    // MARK: To the client

    func next() -> BodyPart {
        if hasFailed, windows.isEmpty { return .failed }
        guard let segment = segments.first else { return .end }
        switch segment {
        case .bytes(let bytes):
            segments.removeFirst()
            return .bytes(bytes)
        case .file(let range):
            guard let window = windows.popFirst() else {
                ask()
                return .wait
            }
            adapt()
            let end = range.lowerBound + UInt64(window.readableBytes)
            if end < range.upperBound {
                segments[segments.startIndex] = .file(end..<range.upperBound)
            } else {
                segments.removeFirst()
            }
            ask()
            return .bytes(window)
        }
    }

    /// A client that took its window at once gets a larger one, a slow one a smaller.
    private func adapt() {
        let now = loop.now
        defer { lastTaken = now }
        guard let lastTaken else { return }
        if now - lastTaken < .milliseconds(50) {
            windowByteCount = min(windowByteCount * 2, UInt64(IPCLimits.windowByteCountMax))
        } else if now - lastTaken > .seconds(1) {
            windowByteCount = max(windowByteCount / 2, GatewayLimits.windowByteCountMin)
        }
    }

    func closed() {
        isClosed = true
        windows.removeAll()
    }
}

extension RemoteError {
    fileprivate static let windowLost = RemoteError(
        .internalError, "The store gave less of the content than there is.")
}
