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
            guard case .staging(let box) = reply, let descriptor = box.take() else {
                return fetch.refused(reply)
            }
            fetch.start(descriptor, dialer)
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
    private let file: Mutex<Descriptor?>

    init(_ descriptor: consuming sending Descriptor) { file = Mutex(descriptor) }

    func write(_ pieces: [ByteBuffer], at offset: UInt64) throws(PosixError) {
        var failure: PosixError?
        file.withLock { file in
            guard let descriptor = file.take() else {
                failure = PosixError(9, "pwrite")
                return
            }
            var position = Int64(clamping: offset)
            for piece in pieces where failure == nil {
                unsafe piece.withUnsafeReadableBytes { bytes in
                    do throws(PosixError) {
                        unsafe try FileIO.write(bytes, to: descriptor, at: position)
                    } catch {
                        failure = error
                    }
                }
                position += Int64(piece.readableBytes)
            }
            file = consume descriptor
        }
        if let failure { throw failure }
    }

    func close() { file.withLock { $0 = nil } }
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
        told = order.offset
        toldAt = loop.now
    }

    func refused(_ reply: StoreReply) {
        if case .failed(let error) = reply, error.code == .noSpace { return end(.unwritable) }
        end(.broken)
    }

    func start(_ descriptor: consuming sending Descriptor, _ dialer: BulkDialer) {
        file = FetchFile(descriptor)
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
        guard !pieces.isEmpty, let file else {
            if let result { end(result) }
            return
        }
        let batch = pieces
        let offset = written
        writingByteCount = heldByteCount
        pieces = []
        heldByteCount = 0
        background.run {
            try file.write(batch, at: offset)
        } completion: { [self] result in
            wrote(result)
        }
    }

    private func wrote(_ outcome: Result<Void, any Error>) {
        let byteCount = writingByteCount
        writingByteCount = 0
        if isOver { return _ = file?.close() }
        if case .failure(let error) = outcome {
            Log.write(.error, "a content cannot be written", ["error": "\(error)"])
            fetch?.cancel()
            fetch = nil
            return end(.unwritable)
        }
        written += UInt64(byteCount)
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
