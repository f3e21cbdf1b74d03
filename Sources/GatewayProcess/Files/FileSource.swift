internal import NIOCore
internal import Posix

/// A descriptor that the loop and a thread of the pool use; it closes with its last user.
final class SharedDescriptor: Sendable {
    let descriptor: Descriptor

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

/// An answer's body made of parts of a file, with bytes between them where there are several
/// ranges. The kernel copies the file's bytes to the socket (sendfile).
///
/// Before each region the source looks whether it lies in memory: reading it from a disk would
/// make the whole loop wait, so a thread reads it first.
final class FileSource: BodySource {
    enum Segment {
        case bytes(ByteBuffer)
        case file(Range<UInt64>)
    }

    private let file: SharedDescriptor
    /// Where the content begins in the file.
    private let base: UInt64
    private let handle: NIOFileHandle
    private let loop: any EventLoop
    private let background: any BackgroundWork
    private let resume: () -> Void
    private var segments: ArraySlice<Segment>
    private var regionByteCount = 1 << 20
    private var lastRegion: NIODeadline?
    /// Up to where the file has been found or brought into memory.
    private var warmUntil: UInt64 = 0
    private var hasFailed = false

    /// - Parameter resume: called when `next` has something again.
    init(
        _ file: SharedDescriptor, base: UInt64 = 0, segments: [Segment], loop: any EventLoop,
        background: any BackgroundWork, resume: @escaping () -> Void
    ) {
        self.file = file
        self.base = base
        handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: file.descriptor.rawValue)
        self.loop = loop
        self.background = background
        self.resume = resume
        self.segments = segments[...]
    }

    func next() -> BodyPart {
        if hasFailed { return .failed }
        guard let segment = segments.first else { return .end }
        switch segment {
        case .bytes(let bytes):
            segments.removeFirst()
            return .bytes(bytes)
        case .file(let range):
            adaptRegion()
            let end = min(range.upperBound, range.lowerBound + UInt64(regionByteCount))
            guard isWarm(upTo: end) else {
                warm(range.lowerBound..<end)
                return .wait
            }
            if end < range.upperBound {
                segments[segments.startIndex] = .file(end..<range.upperBound)
            } else {
                segments.removeFirst()
            }
            lastRegion = loop.now
            return .file(
                FileRegion(
                    fileHandle: handle, readerIndex: Int(base + range.lowerBound),
                    endIndex: Int(base + end)))
        }
    }

    /// A client that took its region at once gets a larger one, a slow one a smaller.
    private func adaptRegion() {
        guard let lastRegion else { return }
        let taken = loop.now - lastRegion
        if taken < .milliseconds(50) {
            regionByteCount = min(regionByteCount * 2, GatewayLimits.regionByteCountMax)
        } else if taken > .seconds(1) {
            regionByteCount = max(regionByteCount / 2, GatewayLimits.regionByteCountMin)
        }
    }

    /// The last byte of a region stands for the region: the kernel reads ahead in order.
    private func isWarm(upTo end: UInt64) -> Bool {
        if end <= warmUntil { return true }
        guard end > 0 else { return true }
        do throws(PosixError) {
            let cached = try FileIO.readCached(
                file.descriptor, count: 1, at: Int64(base + end - 1))
            return cached != nil
        } catch {
            // The send meets the same error and ends the answer.
            return true
        }
    }

    private func warm(_ range: Range<UInt64>) {
        let file = file
        let end = Int64(base + range.upperBound)
        let start = Int64(base + range.lowerBound)
        background.run {
            var offset = start
            while offset < end {
                let count = min(GatewayLimits.readByteCountMax, Int(end - offset))
                let bytes = try FileIO.read(file.descriptor, count: count, at: offset)
                if bytes.isEmpty { break }
                offset += Int64(bytes.count)
            }
        } completion: { [self] result in
            if case .failure(let error) = result {
                Log.write(.error, "content could not be read", ["error": "\(error)"])
                hasFailed = true
            }
            warmUntil = range.upperBound
            resume()
        }
    }

    func closed() {
        // The descriptor is `file`'s: the handle only lent it to NIO. It throws where the handle is
        // closed already, and then there is nothing left to take.
        _ = try? handle.takeDescriptorOwnership()
    }
}
