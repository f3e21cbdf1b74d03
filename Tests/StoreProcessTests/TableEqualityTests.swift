import Cluster
import Foundation
import Model
import Replication
import Testing

@testable import StoreProcess

/// The tables in SQLite against those in memory: the same requests, by seed, say and leave the same,
/// with transactions that are lost and databases that are opened again in between.
@Suite struct TableEqualityTests {
    private static let chapters = 3
    private static let groups = 13

    /// Replies that every part must have seen: else its requests say nothing.
    private static let kinds: Set = [
        "assigned", "alreadyApplied", "prepared", "refused", "full", "locked", "isDirectory",
        "committed", "register", "promised", "ballotTooLow", "accepted", "merged",
        "entry", "listing", "items", "fetched", "unsettled", "outbox", "partitions", "aged",
        "audit", "scrubbed", "done", "stale",
    ]

    /// Names of the replies that came.
    private final class Seen {
        var kinds: Set<String> = []
    }

    @Test(arguments: 0..<8)
    func theTablesAreThoseInMemory(_ part: UInt64) throws {
        let seen = Seen()
        for seed in (part * 25)..<(part * 25 + 25) { try compare(seed, seen) }
        #expect(Self.kinds.subtracting(seen.kinds) == [])
    }

    private func compare(_ seed: UInt64, _ seen: Seen) throws {
        let directories = [try TemporaryDirectory(), try TemporaryDirectory()]
        var disks: [DiskID] = []
        for directory in directories {
            disks.append(try TableDisk.open(directory) { $0.ledger.disk })
        }
        var world = TableWorld(seed: seed, disks: disks)
        for _ in 0..<Self.chapters {
            try TableDisk.open(directories[0]) { first in
                try TableDisk.open(directories[1]) { second in
                    for _ in 0..<Self.groups {
                        let index = world.roll(2)
                        try group(&world, index, [first, second][index], seed, seen)
                    }
                }
            }
        }
    }

    private func group(
        _ world: inout TableWorld, _ index: Int, _ disk: TableDisk, _ seed: UInt64,
        _ seen: Seen
    ) throws {
        let before = world.memory[index]
        try disk.begin()
        for _ in 0..<(1 + world.roll(8)) {
            let request = world.next(for: index)
            let now = world.now
            let isFull = world.roll(12) == 0
            world.memory[index].isFull = isFull
            let isRefused = isFull && Self.isCopy(request)
            let expected =
                isRefused
                ? ReplicaOutcome(reply: .full)
                : Replica.execute(request, withContents: &world.memory[index], at: now)
            let found = try disk.execute(
                request, Sample.contents(of: request), isFull: isFull, at: now)
            world.noteMade(request, expected.reply)
            try check(expected, found, request, seed)
            seen.kinds.insert(String("\(found.reply)".prefix { $0 != "(" }))
        }
        if world.roll(9) == 0 {
            let count = UInt64(world.roll(5))
            world.memory[index].skipSequences(count)
            _ = try disk.storage.execute(
                StorageJob(.skipSequences(count), at: .zero), isFull: false)
        }
        if world.roll(5) == 0 {
            world.memory[index] = before
            try disk.rollBack()
        } else {
            try disk.commit()
        }
        if world.roll(4) == 0 { disk.publish() }
        try check(world.memory[index], disk, seed)
    }

    private static func isCopy(_ request: ReplicaRequest) -> Bool {
        if case .merge = request { !request.namedContents.isEmpty } else { false }
    }

    private func check(
        _ expected: ReplicaOutcome, _ found: ReplicaOutcome, _ request: ReplicaRequest,
        _ seed: UInt64
    ) throws {
        try #require(found.reply == expected.reply, "seed \(seed): \(request)")
        try #require(found.changes == expected.changes, "seed \(seed): \(request)")
        try #require(found.hasOutbox == expected.hasOutbox, "seed \(seed): \(request)")
        try #require(found.hasMoves == expected.hasMoves, "seed \(seed): \(request)")
        try #require(found.isUnsettled == expected.isUnsettled, "seed \(seed): \(request)")
        try #require(found.isAuditDue == expected.isAuditDue, "seed \(seed): \(request)")
        try #require(found.damaged == expected.damaged, "seed \(seed): \(request)")
        try #require(found.repaired == expected.repaired, "seed \(seed): \(request)")
    }

    /// What is on the disk, read again.
    private func check(_ memory: MemoryTables, _ disk: TableDisk, _ seed: UInt64) throws {
        let tables = disk.fresh()
        let partitions = Set(memory.partitions + tables.partitions)
        for partition in partitions {
            let expected = memory.state(of: partition)
            try #require(tables.state(of: partition) == expected, "seed \(seed)")
            let (registers, entries) = memory.contents(of: partition)
            let found = tables.contents(of: partition)
            try #require(found.0 == registers, "seed \(seed)")
            try #require(found.1 == entries, "seed \(seed)")
        }
        for path in TableWorld.paths + [.root] {
            try #require(
                tables.directoryState(path) == memory.directoryState(path), "seed \(seed)")
            let listed = tables.entries(in: path, after: nil, limit: 100, withGone: false)
            try #require(
                listed == memory.entries(in: path, after: nil, limit: 100, withGone: false),
                "seed \(seed)")
        }
        try #require(
            tables.outbox(after: nil, limit: 1000) == memory.outbox(after: nil, limit: 1000),
            "seed \(seed)")
        try #require(
            tables.moves(after: nil, limit: 1000) == memory.moves(after: nil, limit: 1000),
            "seed \(seed)")
        let always = Duration.seconds(Int64.max)
        try #require(
            tables.unsettled(before: always) == memory.unsettled(before: always), "seed \(seed)")
        try #require(tables.sequenceFloor == memory.sequenceFloor, "seed \(seed)")
        try #require(try disk.contentFault() == nil, "seed \(seed)")
        try checkFiles(memory, disk, seed)
    }

    /// `records` has the files that are there, and `partitions` counts them.
    private func checkFiles(_ memory: MemoryTables, _ disk: TableDisk, _ seed: UInt64) throws {
        var files: [StorePath: FileRecord] = [:]
        for partition in memory.partitions {
            for item in memory.contents(of: partition).0 where item.key.kind == .file {
                files[item.key.path] = item.register.head?.record
            }
        }
        let sums = try disk.ledger.reader.sums()
        try #require(sums.fileCount == UInt64(files.count), "seed \(seed)")
        let byteCount = files.values.reduce(0) { $0 + $1.byteCount }
        try #require(sums.byteCount == byteCount, "seed \(seed)")
        try #require(try disk.count("records") == files.count, "seed \(seed)")
        for (path, record) in files {
            let stored = try disk.ledger.reader.record(at: path)
            try #require(stored?.record == record, "seed \(seed)")
            let content = try stored.flatMap { try disk.ledger.reader.content(of: $0) }
            try #require(content == Sample.content(record.object.bits.low), "seed \(seed)")
        }
    }
}
