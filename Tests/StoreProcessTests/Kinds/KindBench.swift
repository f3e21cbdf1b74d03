import Foundation
import Model
import Posix
import Testing

@testable import StoreProcess

/// A data directory of one kind of storage, opened without the rest of a store. Its keeper belongs to the
/// thread of the test.
final class KindBench {
    let kind: StorageKind
    let temporary: TemporaryDirectory
    let directory: DataDirectory
    let store: any ContentStore
    let keeper: any ContentKeeper

    /// - Parameter sizes: of extent.
    init(
        _ kind: StorageKind, in temporary: TemporaryDirectory, _ sizes: ExtentContents.Sizes? = nil
    ) throws {
        self.kind = kind
        self.temporary = temporary
        directory = try DataDirectory(temporary.bytePath, WantedStorage(kind: kind))
        if let sizes {
            store = try ExtentContents(directory, sizes: sizes)
        } else {
            store = try ContentStores.open(kind, directory)
        }
        keeper = try store.makeKeeper()
    }

    convenience init(_ kind: StorageKind) throws {
        try self.init(kind, in: try TemporaryDirectory())
    }

    deinit { directory.unlock() }

    /// Opens, lets `body` work, and closes.
    static func with<Result>(
        _ kind: StorageKind, in temporary: TemporaryDirectory,
        _ sizes: ExtentContents.Sizes? = nil, _ body: (KindBench) throws -> Result
    ) throws -> Result {
        try body(try KindBench(kind, in: temporary, sizes))
    }

    func write(_ object: ObjectID, _ bytes: [UInt8], modified: Int64 = 7) throws {
        try keeper.write(
            NewObject(
                object: object, modified: Timestamp(nanoseconds: modified), bytes: bytes))
    }

    /// Nil where nothing is there.
    func read(_ object: ObjectID) throws -> [UInt8]? {
        guard let content = try store.open(object) else { return nil }
        return try content.read(content.whole)
    }

    /// A staging file, as an upload leaves it.
    func stage(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(temporary.path)/staging/\(name)"))
    }

    /// Adopts all of a staging file, with a sync after each part.
    /// - Returns: how many parts it took.
    @discardableResult
    func adopt(_ name: String, as object: ObjectID, budget: Int = 4 << 20) throws -> Int {
        for count in 1...10_000 {
            var left = budget
            let isDone = try keeper.adopt(BytePath(name), as: object, budget: &left)
            try keeper.sync()
            if isDone { return count }
        }
        throw CorruptRow(description: "no end of an adoption")
    }

    func maintainAll() throws {
        for _ in 0..<10_000 where keeper.needsMaintenance { try keeper.maintain() }
        #expect(!keeper.needsMaintenance)
    }

    /// All that is listed, by pages.
    func list(page: Int = 3) throws -> [ListedObject] {
        var found: [ListedObject] = []
        while true {
            let next = try store.list(after: found.last?.object, limit: page)
            found += next
            if next.count < page { return found }
        }
    }
}

extension ObjectID {
    /// One of many, in the order of their numbers.
    static func test(_ number: UInt64) -> ObjectID {
        ObjectID(bits: Bits128(high: number << 48 | number, low: number &* 0x9E37_79B9_7F4A_7C15))
    }
}

/// Bytes without a pattern, the same for each seed.
func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
        var word = generator.next()
        for _ in 0..<8 {
            bytes.append(UInt8(truncatingIfNeeded: word))
            word >>= 8
        }
    }
    return [UInt8](bytes.prefix(count))
}
