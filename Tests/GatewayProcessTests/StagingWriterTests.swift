import IPC
import Model
import NIOCore
import Posix
import Sealing
import Testing

@testable import GatewayProcess

/// What the gateway of an encrypted store writes.
@Suite struct StagingWriterTests {
    private let ring: KeyRing
    private let object: ObjectID
    private let key: ContentKey
    private let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }

    init() {
        var generator = SplitMix64(seed: 1)
        ring = KeyRing(using: &generator)
        object = ObjectID(using: &generator)
        key = ContentKey.make(object, ring, using: &generator)
    }

    private func sealing(endsContent: Bool = true) -> StagingSealing {
        StagingSealing(header: key.header, key: key.key, endsContent: endsContent)
    }

    /// A file with the header, as the store makes it.
    private func begun() throws -> TemporaryFile {
        let file = try TemporaryFile()
        try FileIO.write(key.header, to: file.descriptor, at: 0)
        return file
    }

    private func opened(_ file: TemporaryFile) throws -> [UInt8] {
        try ContentOpener.opened(try file.content, of: object, ring)
    }

    @Test(arguments: [1, 65_535, 65_536, 65_537, 131_072, 200_000], [7_000, 65_536, 150_000])
    func anUploadIsSealedHoweverItsPiecesCome(count: Int, piece: Int) throws {
        let file = try begun()
        let upload = try UploadFile(try file.descriptor.duplicate(), sealing())
        #expect(!upload.isFinished)
        for start in stride(from: 0, to: count, by: piece) {
            try upload.append([ByteBuffer(bytes: content[start..<min(start + piece, count)])])
        }
        try upload.append([], endsContent: true)
        #expect(upload.isFinished)
        let (digest, byteCount) = upload.close()
        #expect(byteCount == UInt64(count))
        #expect(digest == ContentHasher.digest(of: Array(content[..<count])))
        #expect(try opened(file) == Array(content[..<count]))
    }

    @Test func aPlainUploadIsFinishedAtAnyTime() throws {
        let file = try TemporaryFile()
        let upload = try UploadFile(try file.descriptor.duplicate())
        #expect(upload.isFinished)
        try upload.append([ByteBuffer(bytes: content)], endsContent: true)
        _ = upload.close()
        #expect(try file.content == content)
        #expect(throws: PosixError.self) { try upload.append([ByteBuffer(bytes: [1])]) }
    }

    /// A fetch that ends within the content leaves whole chunks, from which another one goes on.
    @Test func partsOfAContentMakeTheWhole() throws {
        let file = try begun()
        var first = try StagingWriter(try file.descriptor.duplicate(), sealing(endsContent: false))
        try content[..<131_072].withUnsafeBytes { try first.append($0) }
        #expect(first.written == 65_536)
        try first.finish()
        #expect(first.written == 131_072)
        var second = try StagingWriter(try file.descriptor.duplicate(), sealing(), from: 131_072)
        try content[131_072...].withUnsafeBytes { try second.append($0) }
        #expect(second.written == 196_608)
        try second.finish()
        #expect(second.written == 200_000)
        #expect(try opened(file) == content)
    }

    /// A connection that broke: what of a chunk came is not in the file, and is fetched again.
    @Test func aBrokenPartCountsItsWholeChunks() throws {
        let file = try begun()
        var first = try StagingWriter(try file.descriptor.duplicate(), sealing())
        try content[..<100_000].withUnsafeBytes { try first.append($0) }
        #expect(first.taken == 100_000 && first.written == 65_536)
        var second = try StagingWriter(
            try file.descriptor.duplicate(), sealing(), from: first.written)
        try content[65_536...].withUnsafeBytes { try second.append($0) }
        try second.finish()
        #expect(try opened(file) == content)
    }

    @Test func whatMakesNoSenseIsRefused() throws {
        let file = try begun()
        #expect(throws: StagingWriter.Unsealable.self) {
            _ = try StagingWriter(try file.descriptor.duplicate(), sealing(), from: 1000)
        }
        for bad in [
            StagingSealing(header: [1], key: key.key, endsContent: true),
            StagingSealing(header: key.header, key: [1], endsContent: true),
        ] {
            #expect(throws: StagingWriter.Unsealable.self) {
                _ = try StagingWriter(try file.descriptor.duplicate(), bad)
            }
        }
    }
}
