internal import Glibc
package import Posix

/// A connected stream: a Unix or TCP socket, or one end of a pipe.
///
/// Reads go through the loop's one buffer, so an idle connection costs no memory. Writes are tried
/// at once; what the kernel does not take waits here, up to a limit.
///
/// ```
/// open ──finish()──> finishing (no reads; what waits is written) ──> closed
///   └──close(), end of stream, error, limit passed──────────────────> closed, onClosed once
/// ```
package final class StreamConnection {
    /// Why a connection closed.
    package enum End: Sendable {
        /// The other end closed or said it sends no more.
        case byPeer
        /// `close()` or `finish()` here, or the loop ended.
        case local
        /// A read or write failed.
        case failed(PosixError)
    }

    private enum State {
        case open
        case finishing
        case closed
    }

    private let loop: EventLoop
    private var descriptor: Descriptor?
    private let rawDescriptor: Int32
    private let isSocket: Bool
    private var state = State.open
    private var end = End.local
    private var watch: PollWatch?
    private var isReading = false
    private var pending: [UInt8] = []
    /// How much of `pending` is written.
    private var pendingStart = 0
    private let pendingMax: Int

    /// Bytes that came, valid within the call.
    package var onRead: ((RawSpan) -> Void)?
    /// Everything that waited has been written.
    package var onDrained: (() -> Void)?
    /// The connection is closed, once, never within a call of this object's methods.
    package var onClosed: ((End) -> Void)?

    /// Reads nothing until `resumeReading()`.
    package init(
        _ loop: EventLoop, _ descriptor: consuming Descriptor,
        pendingBytesMax: Int = LoopLimits.pendingBytesMax
    ) throws(PosixError) {
        let status = try FileIO.status(of: descriptor)
        self.loop = loop
        isSocket = status.kind == .socket
        let raw = descriptor.rawValue
        rawDescriptor = raw
        self.descriptor = consume descriptor
        pendingMax = pendingBytesMax
        // The watch retains this object until its end is told, as it is the watch's memory that C
        // holds.
        watch = try PollWatch(loop, raw, onClosed: { [self] in closed() }) { [unowned self] in
            ready($0)
        }
    }

    package var isOpen: Bool { state == .open }

    /// Bytes that `write` took and the kernel did not yet.
    package var pendingByteCount: Int { pending.count - pendingStart }

    /// The process at the other end of a Unix socket.
    package func peerPID() throws(PosixError) -> Int32 {
        switch descriptor {
        case .some(let held): return try UnixSocket.peerPID(of: held)
        case .none: throw PosixError(EBADF, "getsockopt")
        }
    }

    // MARK: Reading

    package func resumeReading() {
        isReading = state == .open
        updateWatch()
    }

    /// Calls `onRead` no more; the peer blocks once the kernel's buffers are full.
    package func pauseReading() {
        isReading = false
        updateWatch()
    }

    private func readWhatCame() {
        for _ in 0..<LoopLimits.readsPerTurnMax where isReading && state == .open {
            let buffer = unsafe loop.readBuffer
            let count = unsafe Glibc.read(rawDescriptor, buffer.baseAddress, buffer.count)
            if count > 0 {
                let run = unsafe UnsafeRawBufferPointer(rebasing: buffer[..<count])
                onRead?(unsafe run.bytes)
                if count < buffer.count { return }
            } else if count == 0 {
                return close(.byPeer)
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                return close(.failed(PosixError(errno, "read")))
            }
        }
    }

    // MARK: Writing

    /// Writes `bytes`, or keeps what the kernel does not take.
    ///
    /// - Returns: false where that would pass the limit of what may wait, or the connection is not
    ///   open; then nothing of `bytes` was taken.
    package func write(_ bytes: [UInt8]) -> Bool {
        guard state == .open else { return false }
        if pendingByteCount > 0 {
            if pendingByteCount + bytes.count > pendingMax { return false }
            dropWritten()
            pending.append(contentsOf: bytes)
            return true
        }
        // One write call may take any part, so whether the rest fits is asked before.
        if bytes.count > pendingMax { return false }
        let count = unsafe bytes.withUnsafeBytes { unsafe writeOnce($0) }
        if count < bytes.count, state == .open {
            pending = bytes
            pendingStart = count
            updateWatch()
        }
        return true
    }

    /// Writes what it can; 0 where the kernel is full or the write failed, which closes.
    private func writeOnce(_ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            let count =
                isSocket
                ? unsafe send(rawDescriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
                : unsafe Glibc.write(rawDescriptor, bytes.baseAddress, bytes.count)
            if count >= 0 { return count }
            if errno == EAGAIN { return 0 }
            if errno == EINTR { continue }
            close(.failed(PosixError(errno, isSocket ? "send" : "write")))
            return 0
        }
    }

    private func writePending() {
        guard pendingByteCount > 0 else { return }
        let start = pendingStart
        pendingStart += unsafe pending.withUnsafeBytes { buffer in
            unsafe writeOnce(UnsafeRawBufferPointer(rebasing: buffer[start...]))
        }
        guard pendingByteCount == 0, state != .closed else { return }
        pending.removeAll(keepingCapacity: pending.capacity <= LoopLimits.readBytesMax)
        pendingStart = 0
        if state == .finishing { return close(.local) }
        updateWatch()
        onDrained?()
    }

    /// Keeps the written front of `pending` from growing without end; costs one move per half.
    private func dropWritten() {
        guard pendingStart > pending.count / 2 else { return }
        pending.removeFirst(pendingStart)
        pendingStart = 0
    }

    // MARK: Ending

    /// Closes once everything that waits has been written.
    package func finish() {
        guard state == .open else { return }
        if pendingByteCount == 0 { return close(.local) }
        state = .finishing
        isReading = false
        updateWatch()
    }

    /// Closes now; what waits is dropped. Any number of times.
    package func close() { close(.local) }

    private func close(_ end: End) {
        guard state != .closed else { return }
        state = .closed
        self.end = end
        isReading = false
        pending = []
        pendingStart = 0
        watch?.cancel()
        watch = nil
        // Its end, that is the close; the watch is gone from it.
        descriptor = nil
    }

    private func closed() {
        // Also where the loop ended and closed the watch by itself.
        state = .closed
        watch = nil
        descriptor = nil
        let onClosed = self.onClosed.take()
        onRead = nil
        onDrained = nil
        onClosed?(end)
    }

    // MARK: The descriptor

    private func updateWatch() {
        var events: PollWatch.Events = []
        if isReading { events.insert(.readable) }
        if pendingByteCount > 0 { events.insert(.writable) }
        watch?.update(events)
    }

    private func ready(_ events: PollWatch.Events) {
        if events.contains(.writable) { writePending() }
        if events.contains(.readable) { readWhatCame() }
        // An error stops the watch; it goes on unless the calls above found and told it.
        updateWatch()
    }
}
