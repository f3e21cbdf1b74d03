internal import GRDB
internal import Model
internal import Replication

/// Questions of people who look into the state, for one connection and its thread.
///
/// A file that has one version alone is a row of `records`, any other one (also) a row of `registers`:
/// both are looked at.
final class InspectionQueries {
    private let partitions: SQLStatement
    private let counts: SQLStatement
    private let keys: SQLStatement

    init(_ database: Database) throws {
        partitions = try SQLStatement(
            database, "SELECT id FROM partitions WHERE id >= ? ORDER BY id LIMIT ?")
        counts = try SQLStatement(
            database,
            """
            SELECT (SELECT COUNT(*) FROM records WHERE partition = ?1)
                + (SELECT COUNT(*) FROM registers WHERE partition = ?1 AND kind = ?2
                    AND NOT EXISTS (SELECT 1 FROM records WHERE path = registers.path))
            """)
        keys = try SQLStatement(
            database,
            """
            SELECT path, NULL FROM records WHERE partition = ?1 AND path > ?2
            UNION ALL
            SELECT path, register FROM registers WHERE partition = ?1 AND path > ?2 AND kind = ?3
                AND NOT EXISTS (SELECT 1 FROM records WHERE path = registers.path)
            ORDER BY 1 LIMIT ?4
            """)
    }

    /// Partitions of which there is something here, from `first` on.
    private func partitions(from first: Partition) throws -> [Partition] {
        partitions.bind(1, Int64(first.number))
        partitions.bind(2, Int64(StoreLimits.inspectedPartitionsMax))
        defer { partitions.reset() }
        var found: [Partition] = []
        while try partitions.step() {
            found.append(Partition(number: UInt16(truncatingIfNeeded: partitions.int(0))))
        }
        return found
    }

    /// Partitions with files, behind `after`, and how many; and the last one that was looked at, where
    /// there may be more.
    func groups(after: Partition?, limit: Int) throws -> FileGroups {
        var groups = FileGroups()
        let first: Partition
        if let after {
            guard after.number < .max else { return groups }
            first = Partition(number: after.number + 1)
        } else {
            first = Partition(number: 0)
        }
        let partitions = try partitions(from: first)
        for partition in partitions {
            counts.bind(1, Int64(partition.number))
            counts.bind(2, Int64(RegisterKind.file.rawValue))
            let count = try counts.step() ? counts.count(0) : 0
            counts.reset()
            if count > 0 { groups.counts.append((partition, count)) }
            if groups.counts.count >= limit {
                groups.next = partition
                return groups
            }
        }
        if partitions.count >= StoreLimits.inspectedPartitionsMax { groups.next = partitions.last }
        return groups
    }

    /// The keys that a walk finds. It ends where it has found enough, or looked at much.
    func walk(_ walk: RecordWalk) throws -> RecordPage {
        var page = RecordPage()
        var left = StoreLimits.inspectedScanMax
        let partitions = try partitions(from: walk.partition)
        for partition in partitions {
            let group = FileKeys.group(partition)
            // Behind all that begin with the prefix.
            if !group.starts(with: walk.prefix), !walk.prefix.starts(with: group),
                walk.prefix.lexicographicallyPrecedes(group)
            {
                return page
            }
            keys.bind(1, Int64(partition.number))
            keys.bind(2, partition == walk.partition ? walk.path : [])
            keys.bind(3, Int64(RegisterKind.file.rawValue))
            keys.bind(4, Int64(left))
            defer { keys.reset() }
            while try keys.step() {
                left -= 1
                let key = FileKeys.key(try keys.path(0), in: partition)
                if key.starts(with: walk.prefix), FileKeys.contains(key, walk.text) {
                    page.keys.append((key, try isDeleted()))
                }
                if page.keys.count >= walk.limit || left == 0 {
                    page.next = key
                    return page
                }
            }
        }
        if partitions.count >= StoreLimits.inspectedPartitionsMax, let last = partitions.last {
            page.next = FileKeys.group(last) + [0xFF]
        }
        return page
    }

    /// Of the row that `keys` stands at.
    private func isDeleted() throws -> Bool {
        if keys.isNull(1) { return false }
        let register: Register = try RowCoding.decode(keys.bytes(1))
        return register.head?.value.isDeleted ?? false
    }
}
