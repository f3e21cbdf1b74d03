internal import Glibc
internal import NIOCore
internal import Posix
internal import Synchronization

/// A part of a file in memory, one piece after the other, for what does not go to a socket as it is. A
/// thread of the pool reads, one piece ahead.
final class FilePieces: BodySource {
    private let file: SharedDescriptor
    private let background: any BackgroundWork
    private let resume: () -> Void
    /// Not asked for yet, in the file.
    private var rest: Range<UInt64>
    private var piece: ByteBuffer?
    private var isReading = false
    private var hasFailed = false
    private var isClosed = false

    /// - Parameter resume: called when `next` has something again.
    init(
        _ file: SharedDescriptor, _ range: Range<UInt64>, background: any BackgroundWork,
        resume: @escaping () -> Void
    ) {
        self.file = file
        rest = range
        self.background = background
        self.resume = resume
    }

    func next() -> BodyPart {
        if piece == nil { read() }
        if hasFailed { return .failed }
        guard let piece else { return isReading ? .wait : .end }
        self.piece = nil
        read()
        return .bytes(piece)
    }

    private func read() {
        guard !isReading, !isClosed, !hasFailed, !rest.isEmpty else { return }
        isReading = true
        let count = min(UInt64(GatewayLimits.uploadPieceByteCount), UInt64(rest.count))
        let start = rest.lowerBound
        rest = (start + count)..<rest.upperBound
        let file = file
        let read = ReadBytes()
        background.run {
            try read.fill(from: file, count: Int(count), at: Int64(clamping: start))
        } completion: { [self] result in
            isReading = false
            guard !isClosed else { return }
            switch result {
            case .success: piece = read.take()
            case .failure(let error):
                Log.write(.error, "content could not be read", ["error": "\(error)"])
                hasFailed = true
            }
            resume()
        }
    }

    func closed() {
        isClosed = true
        piece = nil
    }
}

/// What a thread of the pool has read for the loop.
private final class ReadBytes: Sendable {
    private let bytes = Mutex(ByteBuffer())

    func take() -> ByteBuffer { bytes.withLock { $0 } }

    /// - Throws: `EIO` where the file ends before.
    func fill(from file: SharedDescriptor, count: Int, at start: Int64) throws(PosixError) {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(count)
        var failure: PosixError?
        while buffer.readableBytes < count, failure == nil {
            let wanted = count - buffer.readableBytes
            let offset = start + Int64(buffer.readableBytes)
            let taken = unsafe buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) {
                room in
                do throws(PosixError) {
                    let part = unsafe UnsafeMutableRawBufferPointer(rebasing: room[..<wanted])
                    return unsafe try FileIO.read(file.descriptor, into: part, at: offset)
                } catch {
                    failure = error
                    return 0
                }
            }
            if taken == 0, failure == nil { failure = PosixError(EIO, "pread") }
        }
        if let failure { throw failure }
        let whole = buffer
        bytes.withLock { $0 = whole }
    }
}
