import Model
import Testing

@testable import Replication

/// Some disks that hold one partition, with writes, exchanges and ageing interleaved at random, and
/// messages that come late or twice. Remembers what was ever visible, for the checks.
struct DiskWorld {
    /// A write as its coordinator sees it.
    struct Write {
        var key: RegisterKey
        var value: RegisterValue
        var operation: OperationID
        var home: Int
        var version: RegisterVersion
    }

    /// Two file registers, a mark and locks, all of one partition.
    static let keys: [RegisterKey] = {
        let first = path("/a")
        let partition = Partition(of: first)
        for number in 0..<2_000_000 {
            let other = path("/\(number)")
            if Partition(of: other) == partition {
                return [.file(first), .file(other), .mark(first), .locks(first)]
            }
        }
        preconditionFailure("no two paths of one partition")
    }()

    let partition = DiskWorld.keys[0].partition
    let repeatsOperations: Bool
    var disks: [MemoryTables]
    var writes: [Write] = []
    var late: [(disk: Int, request: ReplicaRequest)] = []
    var clock: UInt64 = 0
    var operations: UInt64 = 0
    var generator: SplitMix64

    /// What was head or kept on any disk at any time.
    var seen: [RegisterKey: [Dot: RegisterVersion]] = [:]
    /// All versions that were ever made.
    var made: [RegisterKey: [RegisterVersion]] = [:]
    var expired: Set<Dot> = []
    var dropped: Set<Dot> = []
    /// What went wrong with the sums that are kept up to date.
    var faults: [String] = []

    init(seed: UInt64, repeatsOperations: Bool) {
        generator = SplitMix64(seed: seed)
        self.repeatsOperations = repeatsOperations
        let count = Int.random(in: 3...5, using: &generator)
        disks = (0..<count).map { MemoryTables(disk: disk($0)) }
    }

    mutating func run(steps: Int) {
        for _ in 0..<steps { step() }
    }

    mutating func step() {
        clock += 1
        switch roll(20) {
        case 0..<4: assign()
        case 4..<8: prepare()
        case 8..<11: commit()
        case 11..<14: exchange(randomDisk(), randomDisk(), mayBeLate: true)
        case 14: join(randomDisk(), randomDisk(), mayBeLate: true)
        case 15: settle(randomDisk())
        case 16: expire()
        case 17: dropTombstone()
        default: deliverLate()
        }
    }

    /// Everything under way comes to its end, and all disks tell each other everything.
    /// - Returns: whether all became equal.
    mutating func quiet() -> Bool {
        for index in disks.indices {
            settle(index)
        }
        while !late.isEmpty { deliverLate(again: false) }
        for _ in 0..<6 {
            for index in disks.indices {
                settle(index)
            }
            for a in disks.indices {
                for b in disks.indices where a < b {
                    exchange(a, b, mayBeLate: false)
                    exchange(b, a, mayBeLate: false)
                    join(a, b, mayBeLate: false)
                    join(b, a, mayBeLate: false)
                }
            }
            let sums = Set(disks.map { $0.state(of: partition).sum })
            let contexts = Set(disks.map { $0.state(of: partition).context })
            let isSettled = disks.allSatisfy { $0.unsettled(before: .seconds(1)).isEmpty }
            if sums.count == 1, contexts.count == 1, isSettled { return true }
        }
        return false
    }

    // MARK: Steps

    private mutating func assign() {
        let home = randomDisk()
        if repeatsOperations, roll(4) == 0, let old = writes.randomElement(using: &generator) {
            return assign(old.key, old.value, old.operation, on: home)
        }
        let key = DiskWorld.keys[roll(DiskWorld.keys.count)]
        operations += 1
        let isDeletion = roll(3) == 0
        let live: RegisterValue =
            switch key.kind {
            case .file: liveFile(key, on: home)
            case .mark: roll(2) == 0 ? .mark : .describedMark([UInt8(roll(9)) + 1])
            case .locks: .locks(LockSet(locks: [lock(operations)]))
            }
        assign(key, isDeletion ? .deleted : live, operation(operations), on: home)
    }

    /// A new content, now and then with properties or with those of before; or the content that is
    /// there, with other properties.
    private mutating func liveFile(_ key: RegisterKey, on home: Int) -> RegisterValue {
        guard case .file(let new) = file(operations) else { preconditionFailure("a file") }
        let properties = [UInt8(roll(9)) + 1]
        switch roll(4) {
        case 0: return .file(new.described(by: FileFacts.propertiesAsBefore))
        case 1: return .file(new.described(by: properties))
        case 2:
            let facts = disks[home].register(key)?.head?.value.facts ?? new
            return .file(facts.described(by: properties))
        default: return .file(new)
        }
    }

    private mutating func assign(
        _ key: RegisterKey, _ value: RegisterValue, _ operation: OperationID, on home: Int,
        cover: CausalContext = .empty, above: HybridTime = .zero
    ) {
        // Clocks that differ: now and then one is behind.
        let time = HybridTime(value: clock * 10 - UInt64(roll(2) * roll(Int(clock * 10))))
        let reply = execute(
            .assign(
                Assignment(
                    key: key, value: value, operation: operation, cover: cover, above: above,
                    time: time)), on: home)
        switch reply {
        case .assigned(let version, _), .alreadyApplied(let version):
            made[key, default: []].append(version)
            writes.append(
                Write(
                    key: key, value: value, operation: operation, home: home, version: version))
        default: faults.append("assign: \(reply)")
        }
    }

    private mutating func prepare() {
        guard let write = randomWrite() else { return }
        let request = ReplicaRequest.prepare(write.key, write.version)
        sometimesLate(request)
        let reply = execute(request, on: randomDisk())
        guard case .refused(let cover, let above, _) = reply else { return }
        assign(
            write.key, write.value, write.operation, on: write.home, cover: cover, above: above)
    }

    private mutating func commit() {
        guard let write = randomWrite() else { return }
        let request = ReplicaRequest.commit(write.key, write.version, listed: false)
        sometimesLate(request)
        execute(request, on: randomDisk())
    }

    /// What `from` knows is told to `to`.
    private mutating func exchange(_ from: Int, _ to: Int, mayBeLate: Bool) {
        guard from != to else { return }
        let keys = DiskWorld.keys.map { ItemKey($0.fingerprint) }
        let reply = execute(.fetch(partition, keys, withUnsettled: false), on: from)
        guard case .fetched(var registers, _, let context, _) = reply else { return }
        for key in DiskWorld.keys where !registers.contains(where: { $0.key == key }) {
            registers.append(KeyedRegister(key: key, register: Register()))
        }
        let request = ReplicaRequest.merge(partition, registers, [], theirs: context, .holder)
        if mayBeLate { sometimesLate(request) }
        if mayBeLate, roll(3) == 0 { return late.append((to, request)) }
        execute(request, on: to)
    }

    private mutating func join(_ from: Int, _ to: Int, mayBeLate: Bool) {
        let state = disks[from].state(of: partition)
        let request = ReplicaRequest.joinContext(
            partition, state.context, ifContents: state.contents)
        if mayBeLate { sometimesLate(request) }
        execute(request, on: to)
    }

    /// Commits what has been prepared, as a disk does that hears nothing else of it.
    mutating func settle(_ index: Int) {
        let reply = execute(.settle(preparedBefore: .seconds(1)), on: index)
        guard case .unsettled(_, let prepared, _) = reply else { return }
        for item in prepared {
            for version in item.versions {
                execute(.commit(item.key, version, listed: false), on: index)
            }
        }
    }

    private mutating func expire() {
        let index = randomDisk()
        let key = DiskWorld.keys[roll(DiskWorld.keys.count)]
        guard let kept = disks[index].register(key)?.kept.randomElement(using: &generator) else {
            return
        }
        if roll(2) == 0 {
            let request = ReplicaRequest.purge(key, [kept.dot])
            sometimesLate(request)
            execute(request, on: index)
            return
        }
        expired.insert(kept.dot)
        let request = ReplicaRequest.expire(key, [kept.dot])
        sometimesLate(request)
        execute(request, on: index)
    }

    /// Only where every disk has it and nothing is under way.
    private mutating func dropTombstone() {
        let key = DiskWorld.keys[roll(DiskWorld.keys.count)]
        guard let head = disks[0].register(key)?.head, head.value.isDeleted else { return }
        for disk in disks {
            guard let register = disk.register(key), register.head == head,
                register.prepared.isEmpty, disk.state(of: partition).context.contains(head.dot)
            else { return }
        }
        dropped.insert(head.dot)
        for index in disks.indices {
            let request = ReplicaRequest.dropTombstone(key, head.dot)
            if roll(3) == 0 { late.append((index, request)) } else { execute(request, on: index) }
        }
    }

    private mutating func deliverLate(again: Bool = true) {
        guard !late.isEmpty else { return }
        let index = roll(late.count)
        let message = late[index]
        if !again || roll(4) > 0 { late.remove(at: index) }
        execute(message.request, on: message.disk)
    }

    private mutating func sometimesLate(_ request: ReplicaRequest) {
        if roll(4) == 0 { late.append((randomDisk(), request)) }
    }

    // MARK: Bookkeeping

    @discardableResult
    private mutating func execute(_ request: ReplicaRequest, on index: Int) -> ReplicaReply {
        let before = disks[index].state(of: partition).sum
        let outcome = disks[index].execute(request, at: .zero)
        let after = disks[index].state(of: partition)
        if let change = outcome.changes.last {
            if change.new != after.sum { faults.append("change told: \(request)") }
        } else if before != after.sum {
            faults.append("change not told: \(request)")
        }
        var contents = Fingerprint.zero
        let (registers, entries) = disks[index].contents(of: partition)
        for item in registers {
            contents &+= item.register.fingerprint(of: item.key)
            remember(item)
        }
        if contents != after.contents { faults.append("contents after \(request)") }
        if after.itemCount != registers.count + entries.count {
            faults.append("count after \(request)")
        }
        return outcome.reply
    }

    private mutating func remember(_ item: KeyedRegister) {
        if let head = item.register.head { seen[item.key, default: [:]][head.dot] = head }
        for kept in item.register.kept {
            seen[item.key, default: [:]][kept.dot] = kept.version
        }
    }

    private mutating func randomWrite() -> Write? {
        writes.suffix(6).randomElement(using: &generator)
    }

    private mutating func randomDisk() -> Int { roll(disks.count) }

    private mutating func roll(_ sides: Int) -> Int {
        Int.random(in: 0..<max(1, sides), using: &generator)
    }
}
