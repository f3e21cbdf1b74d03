internal import IPC
internal import Model
internal import NIOCore
internal import Peering
internal import Posix
internal import Synchronization

/// What the store wants of other nodes: from their gateways into files that the store opened.
final class ContentFetches {
    private let loop: any EventLoop
    private let link: StoreLink
    private let dialer: BulkDialer
    private let background: any BackgroundWork
    private let report: (FetchProgress) -> Void
    private var all: [UInt64: FileFetch] = [:]

    init(
        loop: any EventLoop, link: StoreLink, dialer: BulkDialer,
        background: any BackgroundWork, report: @escaping (FetchProgress) -> Void
    ) {
        self.loop = loop
        self.link = link
        self.dialer = dialer
        self.background = background
        self.report = report
    }

    func begin(_ order: FetchContent) {
        guard all.count < GatewayLimits.bulkConnectionsMax, all[order.number] == nil else {
            return report(
                FetchProgress(number: order.number, end: order.offset, state: .busy))
        }
        let fetch = FileFetch(order, loop: loop, background: background) { [self] progress in
            if progress.state != .underWay { all[order.number] = nil }
            report(progress)
        }
        all[order.number] = fetch
        link.call(.openFetch(FetchNumber(order.number))) { [self] reply in
            guard all[order.number] === fetch else { return }
            guard case .staging(let box, let sealing) = reply, let descriptor = box.take() else {
                return fetch.refused(reply)
            }
            fetch.start(descriptor, sealing, dialer)
        }
    }

    func stop(_ number: UInt64) { all.removeValue(forKey: number)?.cancel() }

    /// The store that wanted all this is gone.
    func stopAll() {
        for fetch in all.values { fetch.cancel() }
        all = [:]
    }
}

/// A staging file that is written on the threads of a pool, in order, and closed on the loop.
private final class FetchFile: Sendable {
    private let writer: Mutex<StagingWriter?>

    init(
        _ descriptor: consuming sending Descriptor, _ sealing: StagingSealing?, from offset: UInt64
    ) throws(StagingWriter.Unsealable) {
        let writer = try StagingWriter(descriptor, sealing, from: offset)
        self.writer = Mutex(consume writer)
    }

    /// - Parameter endsHere: whether all that was asked for has come with these.
    func write(_ pieces: [ByteBuffer], endsHere: Bool) throws(PosixError) {
        var failure: PosixError?
        writer.withLock { writer in
            guard writer != nil else {
                failure = PosixError(9, "pwrite")
                return
            }
            do throws(PosixError) {
                for piece in pieces {
                    try FetchFile.append(piece, to: &writer)
                }
                if endsHere { try writer?.finish() }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    private static func append(
        _ piece: ByteBuffer, to writer: inout StagingWriter?
    ) throws(PosixError) {
        var failure: PosixError?
        unsafe piece.withUnsafeReadableBytes { bytes in
            do throws(PosixError) {
                unsafe try writer?.append(bytes)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    /// Bytes of the content that are in the file.
    var written: UInt64? { writer.withLock { $0?.written } }

    var isFinished: Bool { writer.withLock { $0?.isFinished ?? true } }

    func close() { writer.withLock { $0 = nil } }
}

/// One order of the store.
///
/// What arrives is written by a thread while more arrives; the store hears how far it is.
private final class FileFetch: ContentConsumer {
    private let order: FetchContent
    private let loop: any EventLoop
    private let background: any BackgroundWork
    private let report: (FetchProgress) -> Void
    private var file: FetchFile?
    private var fetch: ContentFetch?
    private var pieces: [ByteBuffer] = []
    private var heldByteCount = 0
    private var writingByteCount = 0
    /// Bytes are in the file up to here.
    private var written: UInt64
    /// Bytes have come up to here.
    private var received: UInt64
    private var told: UInt64
    private var toldAt: NIODeadline
    /// How it ended, where bytes may still wait to be written.
    private var result: FetchProgress.State?
    private var isOver = false

    init(
        _ order: FetchContent, loop: any EventLoop, background: any BackgroundWork,
        report: @escaping (FetchProgress) -> Void
    ) {
        self.order = order
        self.loop = loop
        self.background = background
        self.report = report
        written = order.offset
        received = order.offset
        told = order.offset
        toldAt = loop.now
    }

    func refused(_ reply: StoreReply) {
        if case .failed(let error) = reply, error.code == .noSpace { return end(.unwritable) }
        end(.broken)
    }

    func start(
        _ descriptor: consuming sending Descriptor, _ sealing: StagingSealing?,
        _ dialer: BulkDialer
    ) {
        do {
            file = try FetchFile(descriptor, sealing, from: order.offset)
        } catch {
            Log.write(.error, "a content cannot be sealed", ["offset": "\(order.offset)"])
            return end(.broken)
        }
        let wanted = BulkFetch(
            object: order.object, offset: order.offset, byteCount: order.end - order.offset)
        fetch = dialer.fetch(wanted, from: order.node, into: self)
    }

    func cancel() {
        isOver = true
        fetch?.cancel()
        fetch = nil
        pieces = []
        // With a piece at the pool the file is closed when that is written.
        if writingByteCount == 0 { file?.close() }
    }

    // MARK: What comes

    var hasRoom: Bool {
        heldByteCount + writingByteCount < GatewayLimits.uploadOutstandingByteCountMax
    }

    func began(byteCount: UInt64) {}

    func received(_ bytes: ByteBuffer) {
        pieces.append(bytes)
        heldByteCount += bytes.readableBytes
        received += UInt64(bytes.readableBytes)
        if heldByteCount >= GatewayLimits.uploadPieceByteCount { write() }
    }

    func ended(_ result: FetchResult) {
        fetch = nil
        self.result =
            switch result {
            case .complete: .complete
            case .busy: .busy
            case .lacks: .broken
            case .broken(let why): broken(why)
            }
        write()
    }

    private func broken(_ why: String) -> FetchProgress.State {
        Log.write(
            .info, "a content comes no further from a node",
            ["node": order.node.name, "why": why, "bytes": "\(written)"])
        return .broken
    }

    private func write() {
        guard writingByteCount == 0, !isOver else { return }
        // What came to its end has an end to be written, where it is sealed.
        let endsHere = result == .complete && received == order.end
        guard let file, !pieces.isEmpty || (endsHere && !file.isFinished) else {
            if let result { end(result) }
            return
        }
        let batch = pieces
        writingByteCount = max(1, heldByteCount)
        pieces = []
        heldByteCount = 0
        background.run {
            try file.write(batch, endsHere: endsHere)
        } completion: { [self] result in
            wrote(result)
        }
    }

    private func wrote(_ outcome: Result<Void, any Error>) {
        writingByteCount = 0
        if isOver { return _ = file?.close() }
        if case .failure(let error) = outcome {
            Log.write(.error, "a content cannot be written", ["error": "\(error)"])
            fetch?.cancel()
            fetch = nil
            return end(.unwritable)
        }
        written = file?.written ?? written
        if result != nil || heldByteCount >= GatewayLimits.uploadPieceByteCount { write() }
        if isOver { return }
        tell()
        fetch?.resume()
    }

    private func tell() {
        guard written > told else { return }
        let isDue =
            written - told >= GatewayLimits.bulkToldByteCount
            || loop.now - toldAt >= .milliseconds(GatewayLimits.bulkToldMilliseconds)
        guard isDue else { return }
        told = written
        toldAt = loop.now
        report(FetchProgress(number: order.number, end: written, state: .underWay))
    }

    private func end(_ state: FetchProgress.State) {
        guard !isOver else { return }
        isOver = true
        file?.close()
        report(FetchProgress(number: order.number, end: written, state: state))
    }
}
