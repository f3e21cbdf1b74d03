import Glibc
import Posix
import Testing

@Suite struct FileTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    private func makeFile(_ name: BytePath, _ content: [UInt8] = []) throws -> Descriptor {
        let file = try Directory.open(name, in: scratch.directory, [.readWrite, .create])
        try FileIO.write(content, to: file, at: 0)
        return file
    }

    @Test func bytesAreReadWhereTheyWereWritten() throws {
        let file = try makeFile("file")
        try FileIO.write([1, 2, 3], to: file, at: 5)
        #expect(try FileIO.read(file, count: 100, at: 4) == [0, 1, 2, 3])
        #expect(try FileIO.read(file, count: 100, at: 8) == [])
        try FileIO.syncData(file)
        try FileIO.sync(scratch.directory)
        #expect(try FileIO.status(of: file).size == 8)
    }

    @Test func cachedReadGivesWhatWasJustWritten() throws {
        let file = try makeFile("file", [4, 5, 6])
        // nil is right too: a file system may not offer it.
        let cached = try FileIO.readCached(file, count: 2, at: 1)
        #expect(cached == [5, 6] || cached == nil)
    }

    @Test func modificationTimeIsKeptToTheNanosecond() throws {
        let file = try makeFile("file")
        try FileIO.setModified(file, to: 1_234_567_890_123_456_789)
        #expect(try FileIO.status(of: file).modified == 1_234_567_890_123_456_789)
        try FileIO.setModified(file, to: -1)
        #expect(try FileIO.status(of: file).modified == -1)
    }

    @Test func unnamedFileGetsAName() throws {
        let file = try Directory.open(".", in: scratch.directory, [.unnamed, .readWrite])
        try FileIO.write([7], to: file, at: 0)
        try Directory.link(file, as: "named", in: scratch.directory)
        let named = try Directory.open("named", in: scratch.directory)
        #expect(try FileIO.read(named, count: 1, at: 0) == [7])
    }

    @Test func exclusiveRenameKeepsWhatIsThere() throws {
        _ = try makeFile("a", [1]).rawValue
        _ = try makeFile("b", [2]).rawValue
        #expect(throws: PosixError(EEXIST, "renameat2")) {
            try Directory.rename(
                "a", in: scratch.directory, to: "b", in: scratch.directory, exclusive: true)
        }
        try Directory.rename("a", in: scratch.directory, to: "b", in: scratch.directory)
        let b = try Directory.open("b", in: scratch.directory)
        #expect(try FileIO.read(b, count: 2, at: 0) == [1])
    }

    @Test func hardLinkIsTheSameFile() throws {
        let file = try makeFile("a")
        try Directory.link("a", in: scratch.directory, as: "b", in: scratch.directory)
        let inode = try FileIO.status(of: file).inode
        let status = try Directory.status(of: "b", in: scratch.directory)
        #expect(status?.inode == inode)
        #expect(status?.linkCount == 2)
    }

    @Test func namesComeAsBytes() throws {
        let odd: [UInt8] = [0xFF, 0xFE, 0x20, 0x0A]
        _ = try makeFile(BytePath(odd)).rawValue
        try Directory.make("sub", in: scratch.directory)
        let entries = try Directory.entries(of: scratch.directory)
        #expect(Set(entries.map(\.name)) == [odd, Array("sub".utf8)])
        #expect(entries.first { $0.name == odd }?.isDirectory == false)
        // A second reading starts at the front again.
        #expect(try Directory.entries(of: scratch.directory).count == 2)
    }

    @Test func nulInAPathIsRefused() {
        let path = BytePath(Array("a\0b".utf8))
        #expect(throws: PosixError(EINVAL, "openat")) {
            _ = try Directory.open(path, in: scratch.directory, [.create, .writeOnly])
        }
    }

    @Test func openBeneathNeitherClimbsNorFollows() throws {
        try #require(symlink("/etc", scratch.path + "/link") == 0)
        #expect(throws: PosixError(EXDEV, "openat2")) {
            _ = try Directory.openBeneath("../x", in: scratch.directory)
        }
        #expect(throws: PosixError(ELOOP, "openat2")) {
            _ = try Directory.openBeneath("link/passwd", in: scratch.directory)
        }
        let made = try Directory.openBeneath(
            "file", in: scratch.directory, [.create, .writeOnly], mode: 0o644)
        #expect(try FileIO.status(of: made).kind == .regular)
    }

    @Test func leaseSeesAWriter() throws {
        let writer = try makeFile("file")
        let reader = try Directory.open("file", in: scratch.directory)
        #expect(try Lease.hasNoWriter(reader) == false)
        close(writer.release())
        #expect(try Lease.hasNoWriter(reader) == true)
    }

    @Test func lockIsExclusiveUntilItIsClosed() throws {
        let first = try makeFile("lock")
        let second = try Directory.open("lock", in: scratch.directory)
        #expect(try FileIO.lock(first))
        #expect(try FileIO.lock(second) == false)
        close(first.release())
        #expect(try FileIO.lock(second))
    }

    @Test func spaceIsSaid() throws {
        let space = try Directory.space(of: scratch.directory)
        #expect(space.total > 0 && space.available <= space.total)
    }

    @Test func missingIsToldFromFailing() throws {
        #expect(try Directory.status(of: "no", in: scratch.directory) == nil)
        #expect(try Directory.removeIfPresent("no", in: scratch.directory) == false)
        #expect(try Directory.makeIfMissing("d", in: scratch.directory))
        #expect(try Directory.makeIfMissing("d", in: scratch.directory) == false)
        try Directory.remove("d", in: scratch.directory, isDirectory: true)
    }
}
