internal import IPC
internal import Model
internal import Replication

/// The keys of files' registers: `files/p00042/photos/photo.jpg` stands for `/photos/photo.jpg`, which
/// is in partition 42.
enum FileKeys {
    static let root = [UInt8]("files/".utf8)

    /// `files/p00042/`.
    static func group(_ partition: Partition) -> [UInt8] {
        let digits = String(partition.number)
        let zeros = String(repeating: "0", count: 5 - digits.utf8.count)
        return root + [UInt8]("p\(zeros)\(digits)/".utf8)
    }

    static func key(_ path: StorePath, in partition: Partition) -> [UInt8] {
        group(partition) + path.bytes.dropFirst()
    }

    /// The partition that a key is of or leads to, and what follows it; nil where it names none.
    static func parse(_ key: [UInt8]) -> (partition: Partition, rest: ArraySlice<UInt8>)? {
        // `files/pNNNNN/`.
        guard key.count >= 13, key.starts(with: root), key[6] == 0x70, key[12] == 0x2F,
            let number = UInt16(String(decoding: key[7..<12], as: UTF8.self)),
            key[7..<12].allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return (Partition(number: number), key[13...])
    }

    /// Where a walk over all files' keys goes on behind `key`; nil behind them all.
    static func place(behind key: [UInt8]) -> (partition: Partition, path: [UInt8])? {
        let begin = (partition: Partition(number: 0), path: [UInt8]())
        if key.lexicographicallyPrecedes(root) || key == root { return begin }
        guard key.starts(with: root) else { return nil }
        // The digits that are not there are the lowest.
        guard let (partition, rest) = parse(key) else { return begin }
        return (partition, rest.isEmpty ? [] : [0x2F] + rest)
    }

    /// What is directly below `prefix` among keys in order: a group for each name that goes on.
    static func children(
        of prefix: [UInt8], among keys: [(key: [UInt8], isDeleted: Bool)]
    ) -> [InspectResponse.Item] {
        var items: [InspectResponse.Item] = []
        for (key, isDeleted) in keys where key.starts(with: prefix) && key.count > prefix.count {
            guard let slash = key[prefix.count...].firstIndex(of: 0x2F) else {
                items.append(.init(key: key, isDirectory: false, count: 0, isDeleted: isDeleted))
                continue
            }
            let group = Array(key[...slash])
            if let last = items.indices.last, items[last].key == group {
                items[last].count += 1
            } else {
                items.append(.init(key: group, isDirectory: true, count: 1, isDeleted: false))
            }
        }
        return items
    }

    /// The register for people.
    static func json(_ register: Register, at path: StorePath) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("path") { $0.value(utf8: path.bytes) }
            if let head = register.head { write(head, to: &json) }
            json.member("kept_versions", register.kept.count)
            json.member("prepared_versions", register.prepared.count)
        }
        return json.bytes
    }

    private static func write(_ head: RegisterVersion, to json: inout JSONWriter) {
        json.member("version", head.version.name)
        json.member("written_at", Timestamp(head.version.time).text)
        json.member("context") { json in
            json.array(head.version.context.entries) { $0.value("\($1.disk.hex).\($1.sequence)") }
        }
        json.member("operation", head.operation.hex)
        guard let facts = head.value.facts else { return json.member("deleted", true) }
        json.member("size", facts.byteCount)
        json.member("checksum", facts.digest.hex)
        json.member("content_type", facts.contentType)
        json.member("created_at", facts.created.text)
        json.member("modified_at", facts.modified.text)
        json.member("object", facts.object.hex)
        json.member("home_partition", facts.home.number)
    }
}

/// A walk over files' registers, in the order of their keys.
struct RecordWalk: Sendable {
    /// Behind this one.
    var partition: Partition
    var path: [UInt8]
    /// Keys that begin with this, alone; the walk ends behind them.
    var prefix: [UInt8]
    /// Keys in which it occurs; empty: all.
    var text: [UInt8]
    /// Of those found.
    var limit: Int
}

/// Partitions with files, and how many.
struct FileGroups: Sendable {
    var counts: [(partition: Partition, count: UInt64)] = []
    /// The partition that was looked at last, where there may be more behind it.
    var next: Partition?
}

/// What a walk found.
struct RecordPage: Sendable {
    var keys: [(key: [UInt8], isDeleted: Bool)] = []
    /// The key that was looked at last, where there may be more behind it.
    var next: [UInt8]?
}
