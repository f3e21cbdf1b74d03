internal import Glibc
internal import Model
internal import NIOCore
internal import Posix
internal import Synchronization

/// A whole content on its way to a client, with its SHA-256 taken beside: the last piece leaves only when
/// the digest is right. Where it is not, the answer is cut off, so that no client takes what it got for the
/// file.
///
/// ```
///   source ──▶ piece ──▶ held back until the next one comes ──▶ client
///                └─▶ a thread of the pool: SHA-256, in order
/// ```
final class VerifiedSource: BodySource {
    /// What is still to be hashed.
    private enum Work {
        case bytes(ByteBuffer)
        case file(SharedDescriptor, Range<Int64>)

        var byteCount: Int {
            switch self {
            case .bytes(let bytes): bytes.readableBytes
            case .file(_, let range): Int(range.upperBound - range.lowerBound)
            }
        }

        /// What of it is in memory.
        var heldByteCount: Int {
            switch self {
            case .bytes: byteCount
            case .file: 0
            }
        }
    }

    private let source: any BodySource
    private let file: SharedDescriptor?
    private let expected: Digest
    private let background: any BackgroundWork
    private let unverified: UnverifiedBytes
    private let resume: () -> Void
    /// Called once at the end, with whether it was what it had to be.
    private let judged: (Bool) -> Void

    private let hasher = RunningDigest()
    private var work = CircularBuffer<Work>()
    private var isHashing = false
    /// Bytes that were taken from the source and are not in the digest yet.
    private var behindByteCount = 0
    private var held: BodyPart?
    private var hasEnded = false
    private var isJudged = false
    private var hasFailed = false

    /// - Parameters:
    ///   - source: of exactly the content's bytes.
    ///   - file: what its regions are of.
    ///   - unverified: of all answers together.
    ///   - resume: called when `next` has something again.
    init(
        _ source: any BodySource, of file: SharedDescriptor?, expected: Digest,
        background: any BackgroundWork, unverified: UnverifiedBytes,
        resume: @escaping () -> Void,
        judged: @escaping (Bool) -> Void
    ) {
        self.source = source
        self.file = file
        self.expected = expected
        self.background = background
        self.unverified = unverified
        self.resume = resume
        self.judged = judged
    }

    func next() -> BodyPart {
        while !hasFailed, !hasEnded {
            guard mayTakeMore else { return .wait }
            let part = source.next()
            switch part {
            case .bytes(let bytes): add(.bytes(bytes))
            case .file(let region):
                guard let file else { preconditionFailure("a region of no file") }
                add(.file(file, Int64(region.readerIndex)..<Int64(region.endIndex)))
            case .wait: return .wait
            case .failed:
                hasFailed = true
                continue
            case .end:
                hasEnded = true
                judgeIfDone()
                continue
            }
            let before = held
            held = part
            if let before { return before }
        }
        if hasFailed { return .failed }
        guard isJudged else { return .wait }
        if let last = held {
            held = nil
            return last
        }
        return .end
    }

    /// One piece each answer may always have, so that all of them go on: the digest of what it has asks for
    /// the next one.
    private var mayTakeMore: Bool {
        guard behindByteCount > 0 else { return true }
        return behindByteCount < GatewayLimits.unverifiedByteCountMax && unverified.hasRoom
    }

    func closed() {
        for piece in work { unverified.remove(piece.heldByteCount) }
        work.removeAll()
        held = nil
        source.closed()
    }

    // MARK: The digest

    private func add(_ piece: Work) {
        behindByteCount += piece.byteCount
        unverified.add(piece.heldByteCount)
        work.append(piece)
        hashNext()
    }

    private func hashNext() {
        guard !isHashing, let piece = work.popFirst() else { return }
        isHashing = true
        let hasher = hasher
        let job: @Sendable () throws -> Void
        switch piece {
        case .bytes(let bytes): job = { hasher.update(bytes) }
        case .file(let file, let range): job = { try hasher.update(file, range) }
        }
        background.run(job) { [self] result in
            isHashing = false
            behindByteCount -= piece.byteCount
            unverified.remove(piece.heldByteCount)
            if case .failure(let error) = result {
                Log.write(.error, "content could not be read", ["error": "\(error)"])
                fail()
            }
            hashNext()
            judgeIfDone()
            resume()
        }
    }

    private func fail() {
        hasFailed = true
        guard !isJudged else { return }
        isJudged = true
        judged(false)
    }

    private func judgeIfDone() {
        guard hasEnded, behindByteCount == 0, !isJudged, !hasFailed else { return }
        isJudged = true
        let isGood = hasher.digest() == expected
        if !isGood { hasFailed = true }
        judged(isGood)
    }
}

/// Bytes of all answers that lie in memory until they are in their digests; those of files lie in the page
/// cache.
final class UnverifiedBytes: Sendable {
    private let count = Mutex(0)

    var byteCount: Int { count.withLock { $0 } }

    var hasRoom: Bool { byteCount < GatewayLimits.unverifiedByteCountSumMax }

    func add(_ byteCount: Int) { count.withLock { $0 += byteCount } }

    func remove(_ byteCount: Int) { count.withLock { $0 -= byteCount } }
}

/// The digest of pieces that threads add one after the other.
private final class RunningDigest: Sendable {
    private let hasher = Mutex(ContentHasher())

    func update(_ bytes: ByteBuffer) {
        unsafe bytes.withUnsafeReadableBytes { raw in
            hasher.withLock { unsafe $0.update(raw) }
        }
    }

    /// - Throws: `EIO` where the file ends before.
    func update(_ file: SharedDescriptor, _ range: Range<Int64>) throws {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = min(GatewayLimits.readByteCountMax, Int(range.upperBound - offset))
            let bytes = try FileIO.read(file.descriptor, count: count, at: offset)
            if bytes.isEmpty { throw PosixError(EIO, "pread") }
            unsafe bytes.withUnsafeBytes { raw in
                hasher.withLock { unsafe $0.update(raw) }
            }
            offset += Int64(bytes.count)
        }
    }

    func digest() -> Digest { hasher.withLock { $0.digest() } }
}

/// Files whose content was found to be what it has to be a moment ago: whoever reads one again meanwhile,
/// and it did not change, need not wait for its digest. What was read lies in the page cache, or on a disk
/// that gave it right minutes ago.
final class VerifiedFiles: Sendable {
    struct Key: Hashable, Sendable {
        let status: FileStatus
        let base: UInt64
        let byteCount: UInt64
        let digest: Digest
    }

    private let files = Mutex<[Key: NIODeadline]>([:])

    func insert(_ key: Key, now: NIODeadline) {
        files.withLock { files in
            if files.count >= GatewayLimits.verifiedFilesMax {
                files = files.filter { $0.value > now }
                if files.count >= GatewayLimits.verifiedFilesMax { files = [:] }
            }
            files[key] = now + .seconds(GatewayLimits.verifiedSeconds)
        }
    }

    func contains(_ key: Key, now: NIODeadline) -> Bool {
        files.withLock { files in files[key].map { $0 > now } ?? false }
    }
}
