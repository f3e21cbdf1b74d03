internal import Model
internal import Posix

/// Looks for names in the folders of a kind of storage that are none of its own.
struct StrangerSearch {
    private(set) var names: [String] = []
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var isFull: Bool { names.count >= limit }

    /// Adds the names in `folder` that `isOwn` says no to.
    /// - Parameter prefix: for people, what stands before the name.
    mutating func look(
        in folder: borrowing Descriptor, called prefix: String, isOwn: ([UInt8]) throws -> Bool
    ) throws {
        for entry in try Directory.entries(of: folder) where !isFull {
            if try isOwn(entry.name) { continue }
            names.append(prefix + String(decoding: entry.name, as: UTF8.self))
        }
    }

    /// Of a database and what lies beside it.
    static func isDatabase(_ name: [UInt8], _ database: String) -> Bool {
        ["", "-wal", "-shm", "-journal"].contains { name.elementsEqual((database + $0).utf8) }
    }

    /// Whether the file was made or changed so lately that its row may be still to come, or went.
    static func isNew(_ name: [UInt8], in folder: borrowing Descriptor) throws -> Bool {
        guard let status = try Directory.status(of: BytePath(name), in: folder) else { return true }
        let age = Duration.nanoseconds(WallClock.now.nanoseconds - status.changed)
        return age < StoreLimits.strangerAge
    }
}
