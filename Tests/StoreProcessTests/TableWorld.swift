import Cluster
import Model
import Replication

@testable import StoreProcess

/// Tables in memory that have every content: what the rules say where nothing is lost.
extension MemoryTables: ContentTables {
    func brings(_ facts: Replication.FileFacts) -> Bool { true }
    func hasContent(_ facts: Replication.FileFacts) -> Bool { true }
}

/// Random requests to disks, each of which has its tables twice: in memory and in SQLite.
struct TableWorld {
    static let paths: [StorePath] = {
        let names = ["/a", "/b", "/d", "/d/x", "/d/y", "/d/e/z"]
        var paths = names.compactMap { try? StorePath(validating: $0.utf8) }
        let partition = Partition(of: paths[0])
        // Another one of the same partition, for merges of several registers.
        for number in 0..<2_000_000 {
            guard let path = try? StorePath(validating: "/\(number)".utf8) else { continue }
            if Partition(of: path) == partition {
                paths.append(path)
                break
            }
        }
        return paths
    }()

    static let keys: [RegisterKey] =
        paths.map { .file($0) } + [.mark(paths[2]), .mark(paths[0]), .locks(paths[3])]

    static let entryKeys: [EntryKey] =
        paths.compactMap { EntryKey(of: $0) }
        + [StorePath.root].map { EntryKey(directory: $0, name: Array("d".utf8)) }

    var memory: [MemoryTables]
    var generator: SplitMix64
    private(set) var clock: UInt64 = 1
    private var operations: UInt64 = 0
    /// Versions that somebody made, with their registers.
    private var made: [(key: RegisterKey, version: RegisterVersion)] = []

    init(seed: UInt64, disks: [DiskID]) {
        generator = SplitMix64(seed: seed)
        memory = disks.map { MemoryTables(disk: $0) }
    }

    var now: Duration { .milliseconds(Int64(clock) * 700) }

    mutating func roll(_ sides: Int) -> Int {
        Int.random(in: 0..<max(1, sides), using: &generator)
    }

    mutating func noteMade(_ request: ReplicaRequest, _ reply: ReplicaReply) {
        guard case .assigned(let version, _) = reply else { return }
        switch request.plain {
        case .assign(let assignment), .mint(let assignment, _):
            made.append((assignment.key, version))
        default: break
        }
    }

    /// The next request for a disk.
    mutating func next(for disk: Int) -> ReplicaRequest {
        clock += UInt64(roll(3))
        switch roll(10) {
        case 0..<4: return write(disk)
        case 4: return ballot(disk)
        case 5..<7: return exchange(disk)
        case 7: return entries(disk)
        case 8: return upkeep(disk)
        default: return question(disk)
        }
    }

    // MARK: Kinds

    private mutating func write(_ disk: Int) -> ReplicaRequest {
        switch roll(8) {
        case 0..<3:
            let assign = ReplicaRequest.assign(assignment())
            return roll(3) == 0
                ? .guarded(
                    assign,
                    WriteGuard(
                        locks: lockGuard(), passesDirectories: roll(2) == 0, move: intent()))
                : assign
        case 3:
            guard let (key, version) = someVersion() else { return .partitions }
            let earlier = made.filter {
                $0.version.operation == version.operation && $0.version != version
            }
            return .prepare(key, version, earlier: earlier.map(\.version))
        case 4..<7:
            guard let (key, version) = someVersion() else { return .partitions }
            return .commit(
                key, version, listed: roll(3) == 0, settled: roll(4) == 0 ? someBallot() : nil)
        default:
            guard let (key, version) = someVersion() else { return .partitions }
            return .withdraw(key, version.dot)
        }
    }

    private mutating func ballot(_ disk: Int) -> ReplicaRequest {
        let key = someKey()
        switch roll(4) {
        case 0: return .promise(key, someBallot())
        case 1:
            var assignment = assignment()
            assignment.cover = memory[disk].register(assignment.key)?.knownContext ?? .empty
            return .mint(assignment, someBallot())
        default:
            guard let (key, version) = someVersion() else { return .partitions }
            return roll(2) == 0
                ? .accept(key, someBallot(), version) : .confirm(key, someBallot(), version)
        }
    }

    /// What another disk has is told to this one.
    private mutating func exchange(_ disk: Int) -> ReplicaRequest {
        let other = (disk + 1) % memory.count
        let partition = somePartition()
        let state = memory[other].state(of: partition)
        if roll(4) == 0 {
            let contents =
                roll(2) == 0 ? memory[disk].state(of: partition).contents : state.contents
            return .joinContext(partition, state.context, ifContents: contents)
        }
        let (registers, items) = memory[other].contents(of: partition)
        let origin: MergeOrigin = [.holder, .takeOver, .handBack][roll(3)]
        return .merge(
            partition, registers, items,
            theirs: roll(3) == 0 ? PartitionContext() : state.context, origin)
    }

    private mutating func entries(_ disk: Int) -> ReplicaRequest {
        let key = TableWorld.entryKeys[roll(TableWorld.entryKeys.count)]
        switch roll(5) {
        case 0, 1:
            if let version = made.last(where: { EntryKey(of: $0.key.path) == key }),
                let item = KeyedEntry(following: version.version, of: version.key)
            {
                return .putEntry(item.key, item.entry)
            }
            let rank = Rank(
                time: HybridTime(value: clock << 16),
                dot: Dot(disk: memory[disk].disk, sequence: clock))
            return .putEntry(
                key, DirectoryEntry(directory: .init(rank: rank, exists: roll(2) == 0)))
        case 2:
            guard let entry = memory[disk].entry(key) else { return .readEntry(key) }
            return .dropEntry(key, entry)
        case 3:
            let told = memory[disk].execute(.outbox(after: nil, limit: 3), at: .zero).reply
            guard case .outbox(var items) = told else { return .readEntry(key) }
            // One that has something else to say by now.
            if roll(3) == 0, !items.isEmpty { items[0].entry = nil }
            return .outboxDone(items)
        default: return .addOutbox(roll(2) == 0 ? .file(key.directory) : .directory(somePath()))
        }
    }

    private mutating func upkeep(_ disk: Int) -> ReplicaRequest {
        let key = someKey()
        let register = memory[disk].register(key) ?? Register()
        switch roll(8) {
        case 6:
            let placing = someMove(disk)?.placing ?? Sample.operation(operations)
            return roll(3) == 0 ? .movePlaced(placing) : .moveOver(placing)
        case 7: return .moves(after: someMove(disk)?.placing, limit: 1 + roll(3))
        case 0: return .settle(preparedBefore: roll(4) == 0 ? nil : now, after: nil)
        case 1:
            let dots = register.kept.map(\.dot).filter { _ in roll(2) == 0 }
            return roll(2) == 0 ? .expire(key, dots) : .purge(key, dots)
        case 2, 3: return .dropTombstone(key, register.head?.dot ?? someDot(disk))
        case 4:
            let dots = register.versionsWithContent.map(\.dot)
            return .quarantine(key, dots.filter { _ in roll(2) == 0 })
        default:
            guard roll(3) == 0 else { return .settle(preparedBefore: now - .seconds(90)) }
            let partition = somePartition()
            return .forget(partition, ifSum: memory[disk].state(of: partition).sum)
        }
    }

    private mutating func question(_ disk: Int) -> ReplicaRequest {
        switch roll(11) {
        case 0: return .read(someKey())
        case 1:
            return .list(
                [somePath(), .root][roll(2)], after: roll(2) == 0 ? nil : Array("a".utf8),
                limit: 1 + roll(3), withGone: roll(2) == 0)
        case 2: return .items(somePartition(), checked: roll(2) == 0)
        case 3:
            return .fetch(
                somePartition(), TableWorld.keys.map { ItemKey($0.fingerprint) },
                withUnsettled: roll(2) == 0)
        case 4: return .scrub(after: roll(2) == 0 ? nil : someKey(), limit: 1 + roll(4))
        case 5: return .audit(somePartition())
        case 6:
            let rows = memory[disk].outbox(after: nil, limit: 2)
            return .outbox(after: roll(2) == 0 ? nil : rows.first, limit: 1 + roll(5))
        case 7:
            return .aged(
                AgeBounds(
                    keptBefore: HybridTime(value: (clock / 2) << 16),
                    surplusBefore: HybridTime(value: clock << 16), keptCountMax: 1, losersMax: 1,
                    tombstonesBefore: HybridTime(value: (clock / 2) << 16)),
                after: roll(2) == 0 ? nil : somePartition(), limit: 1 + roll(5))
        case 8: return .readEntry(TableWorld.entryKeys[roll(TableWorld.entryKeys.count)])
        default: return .partitions
        }
    }

    // MARK: Parts

    private mutating func assignment() -> Assignment {
        let key = someKey()
        if roll(5) == 0, let old = made.randomElement(using: &generator) {
            return Assignment(
                key: old.key, value: old.version.value, operation: old.version.operation,
                cover: old.version.version.context, time: HybridTime(value: clock << 16))
        }
        operations += 1
        var value: RegisterValue =
            switch key.kind {
            case .file: Sample.file(operations)
            case .mark: .mark
            case .locks: .locks(LockSet(locks: [lock()]))
            }
        if roll(3) == 0 { value = .deleted }
        return Assignment(
            key: key, value: value, operation: Sample.operation(operations),
            time: HybridTime(value: clock << 16))
    }

    private mutating func lock() -> Lock {
        Lock(
            token: LockToken(bits: Bits128(high: 2, low: operations)), owner: [1],
            scope: roll(2) == 0 ? .shared : .exclusive, depth: .zero, seconds: 60,
            expires: clock + 100, fence: .zero)
    }

    private mutating func lockGuard() -> LockGuard? {
        roll(2) == 0
            ? nil : LockGuard(tokens: [], holdsShared: false, wallMilliseconds: clock)
    }

    private mutating func someVersion() -> (RegisterKey, RegisterVersion)? {
        made.suffix(12).randomElement(using: &generator).map { ($0.key, $0.version) }
    }

    /// Of a move whose destination is written; nil for other writes.
    private mutating func intent() -> MoveIntent? {
        guard roll(2) == 0 else { return nil }
        return MoveIntent(
            source: somePath(), dot: someDot(0), destination: somePath(),
            operation: Sample.operation(UInt64(roll(Int(operations) + 1))))
    }

    private mutating func someMove(_ disk: Int) -> MoveIntent? {
        memory[disk].moves(after: nil, limit: .max).randomElement(using: &generator)?.intent
    }

    private mutating func someBallot() -> Ballot {
        guard let node = NodeID("n\(roll(2))") else { preconditionFailure("a node's name") }
        return Ballot(round: UInt64(roll(4)) + clock / 8, node: node)
    }

    private mutating func someDot(_ disk: Int) -> Dot {
        Dot(disk: memory[disk].disk, sequence: UInt64(roll(9)))
    }

    private mutating func someKey() -> RegisterKey {
        TableWorld.keys[roll(TableWorld.keys.count)]
    }

    private mutating func somePath() -> StorePath {
        TableWorld.paths[roll(TableWorld.paths.count)]
    }

    private mutating func somePartition() -> Partition {
        roll(5) == 0 ? Partition(of: .root) : someKey().partition
    }
}
