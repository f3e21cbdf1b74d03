import Foundation
import GRDB
import Model
import Posix
import Testing

@testable import StoreProcess

/// A disk that lost or changed something: the content is not there, or seen to be another one, and
/// nothing traps.
@Suite struct KindDamageTests {
    private static let bytes = noise(150_000, seed: 5)

    /// A directory with a content and another one beside it, closed.
    private func directory(_ kind: StorageKind) throws -> TemporaryDirectory {
        let temporary = try TemporaryDirectory()
        try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
            try bench.write(.test(1), Self.bytes)
            try bench.write(.test(2), [1, 2, 3])
            try bench.keeper.sync()
        }
        // Once more, which brings all that is in logs to its place.
        try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
            #expect(try bench.read(.test(1)) == Self.bytes)
        }
        return temporary
    }

    /// The file in which a content's bytes lie, and where.
    private func place(
        of bytes: ArraySlice<UInt8>, in temporary: TemporaryDirectory
    ) throws -> (path: String, offset: Int) {
        let wanted = Data(bytes)
        for folder in ["objects", "extent", "sqlite", "bolt"] {
            for (name, content) in temporary.tree(folder) {
                if let range = Data(content).range(of: wanted) {
                    return ("\(temporary.path)/\(folder)/\(name)", range.lowerBound)
                }
            }
        }
        throw CorruptRow(description: "the content is in no file")
    }

    @Test(arguments: StorageKind.allCases)
    func aFlippedByteIsSeenByTheDigest(_ kind: StorageKind) throws {
        let temporary = try directory(kind)
        // Within one page of any of them.
        let (path, offset) = try place(of: Self.bytes[1000..<1100], in: temporary)
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        try handle.seek(toOffset: UInt64(offset))
        try handle.write(contentsOf: [Self.bytes[1000] ^ 0x40])
        try handle.close()
        try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
            let read = try bench.read(.test(1))
            #expect(read?.count == Self.bytes.count)
            #expect(read != Self.bytes)
            // What comes instead is well.
            try bench.write(.test(1), Self.bytes)
            try bench.keeper.sync()
            #expect(try bench.read(.test(1)) == Self.bytes)
        }
    }

    /// Cut at several places, from the whole to nothing.
    @Test(arguments: StorageKind.allCases)
    func aFileThatWasCutShortIsNoContent(_ kind: StorageKind) throws {
        let temporary = try directory(kind)
        let (path, offset) = try place(of: Self.bytes[1000..<1100], in: temporary)
        let whole = try #require(FileManager.default.contents(atPath: path)).count
        for kept in stride(from: whole - 1, through: 0, by: -max(1, whole / 24)) {
            let copy = try temporary.snapshot()
            let handle = try #require(
                FileHandle(
                    forUpdatingAtPath: path.replacingOccurrences(
                        of: temporary.path, with: copy.path)))
            try handle.truncate(atOffset: UInt64(kept))
            try handle.close()
            let outcome = outcome(kind, copy)
            // Cut behind it, it may be whole; never is it something else that looks so.
            if kept <= offset { #expect(outcome != .whole, "\(kept)") }
        }
    }

    private enum Outcome {
        case whole
        case other
        case damaged
        case refused
    }

    private func outcome(_ kind: StorageKind, _ temporary: TemporaryDirectory) -> Outcome {
        do {
            return try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
                let read = try bench.read(.test(1))
                if read == nil { return .damaged }
                return read == Self.bytes ? .whole : .other
            }
        } catch is ContentDamage {
            return .damaged
        } catch {
            // It says why it does not open.
            #expect(!"\(error)".isEmpty)
            return .refused
        }
    }

    @Test(arguments: [StorageKind.rawfile, .extent])
    func aMissingFileIsNoContent(_ kind: StorageKind) throws {
        let temporary = try directory(kind)
        let (path, _) = try place(of: Self.bytes[1000..<1100], in: temporary)
        try FileManager.default.removeItem(atPath: path)
        #expect(outcome(kind, temporary) == .damaged)
    }

    @Test func aDatabaseOfANewerProgramIsRefused() throws {
        let temporary = try directory(.sqlite)
        let database = try DataDirectory(temporary.bytePath)
        let queue = try SQLiteContents(database).database.connect()
        try queue.inDatabase {
            try $0.execute(sql: "INSERT INTO grdb_migrations VALUES('999')")
        }
        try queue.close()
        database.unlock()
        #expect(throws: PermanentFailure.self) { try KindBench(.sqlite, in: temporary) }
    }
}
