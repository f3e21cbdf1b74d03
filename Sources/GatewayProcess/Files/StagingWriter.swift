internal import IPC
internal import NIOCore
internal import Posix
internal import Sealing

/// Writes a content into a staging file, from some offset on, as the store wants it: as it is, or sealed.
///
/// The store of an encrypted disk gives the key of the content with the file, so that nothing of it is
/// ever on the disk in the clear.
struct StagingWriter: ~Copyable {
    private let file: Descriptor
    private var sealer: ContentSealer?
    private let endsContent: Bool
    /// Bytes of the content that were taken.
    private(set) var taken: UInt64
    private(set) var isFinished: Bool

    /// What the store said makes no sense.
    struct Unsealable: Error {}

    /// - Parameter offset: of the content; where it is sealed, the beginning of a chunk.
    init(
        _ file: consuming Descriptor, _ sealing: StagingSealing?, from offset: UInt64 = 0
    ) throws(Unsealable) {
        self.file = file
        taken = offset
        isFinished = sealing == nil
        endsContent = sealing?.endsContent ?? true
        guard let sealing else { return }
        let size = UInt64(SealingLimits.chunkByteCount)
        guard offset.isMultiple(of: size), let chunk = UInt32(exactly: offset / size) else {
            throw Unsealable()
        }
        do throws(SealError) {
            sealer = try ContentSealer(
                ContentKey(header: sealing.header, key: sealing.key), chunk: chunk)
        } catch {
            throw Unsealable()
        }
    }

    /// Bytes of the content, from its beginning, that are in the file: of a sealed one whole chunks, until it
    /// is finished.
    var written: UInt64 { isFinished ? taken : sealer?.sealedByteCount ?? taken }

    /// May wait for the disk.
    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(PosixError) {
        let offset = Int64(clamping: taken)
        taken += UInt64(bytes.count)
        guard sealer != nil else {
            unsafe try FileIO.write(bytes, to: file, at: offset)
            return
        }
        let place = sealer?.storedByteCount ?? 0
        var out: [UInt8] = []
        unsafe sealer?.seal(bytes, into: &out)
        try FileIO.write(out, to: file, at: Int64(clamping: place))
    }

    /// Nothing follows; where the content ends here, its end is sealed. May wait for the disk.
    mutating func finish() throws(PosixError) {
        guard !isFinished, var sealer = sealer.take() else { return }
        let place = sealer.storedByteCount
        var out: [UInt8] = []
        if endsContent {
            sealer.finish(into: &out)
        } else {
            sealer.flush(into: &out)
        }
        try FileIO.write(out, to: file, at: Int64(clamping: place))
        isFinished = true
    }
}
