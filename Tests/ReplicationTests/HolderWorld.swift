import Model
import Testing

@testable import Replication

/// Three holders and two stand-ins, whose disks answer what coordinators ask, one question at a
/// time: those in `silent` answer nothing.
struct HolderWorld {
    var disks: [MemoryTables] = (0..<5).map { MemoryTables(disk: disk($0)) }
    let targets = Targets(
        layouts: [(0..<3).map { Target(node: node("n\($0)"), disk: disk($0)) }],
        handOffs: (3..<5).map { Target(node: node("n\($0)"), disk: disk($0)) })
    var silent: Set<Int> = []
    /// Those that membership calls dead: they are not even asked.
    var dead: Set<Int> = []
    var generator = SplitMix64(seed: 1)
    var asked: [(index: Int, request: ReplicaRequest, round: UInt32)] = []
    /// In order: whom what was asked, by the word for it.
    var log: [String] = []
    var now = Duration.seconds(1)

    var all: [Target] { targets.holders + targets.handOffs }
    var time: CoordinatorTime { CoordinatorTime(now: now, stamp: HybridTime(value: 100)) }

    func isReachable(_ name: NodeID) -> Bool { !dead.contains(index(of: name)) }

    func index(of name: NodeID) -> Int { all.firstIndex { $0.node == name } ?? 0 }

    mutating func take(_ directives: [CoordinatorDirective]) {
        for directive in directives {
            switch directive {
            case .ask(let node, let request, let round):
                asked.append((index(of: node), request, round))
                log.append("\(word(request)) n\(index(of: node))")
            case .tell(let node, let request):
                let index = index(of: node)
                log.append("tell \(word(request)) n\(index)")
                if !silent.contains(index), !dead.contains(index) {
                    _ = disks[index].execute(request, at: .zero)
                }
            }
        }
    }

    private func word(_ request: ReplicaRequest) -> String {
        switch request {
        case .assign: "assign"
        case .prepare: "prepare"
        case .commit: "commit"
        case .writeBack: "writeBack"
        case .withdraw: "withdraw"
        case .read: "read"
        case .putEntry(let key, _): "entry \(String(decoding: key.name, as: UTF8.self))"
        default: "other"
        }
    }

    /// The answer to what was asked first; nil where there is none.
    mutating func next() -> (reply: ReplicaReply?, target: Target, round: UInt32)? {
        guard !asked.isEmpty else { return nil }
        let (index, request, round) = asked.removeFirst()
        if silent.contains(index) { return (nil, all[index], round) }
        return (disks[index].execute(request, at: .zero).reply, all[index], round)
    }

    mutating func step(_ operation: inout WriteOperation) {
        guard let (reply, target, round) = next() else { return }
        var directives: [CoordinatorDirective] = []
        let targets = targets
        let dead = dead
        let all = all
        let isReachable = { (name: NodeID) in
            !dead.contains(all.firstIndex { $0.node == name } ?? 0)
        }
        if let reply {
            operation.answered(
                reply, by: target, round: round, time, using: &generator,
                entryTargets: { _ in targets }, isReachable: isReachable, into: &directives)
        } else {
            operation.unanswered(
                by: target.node, round: round, time, using: &generator,
                entryTargets: { _ in targets }, isReachable: isReachable, into: &directives)
        }
        take(directives)
    }

    mutating func step(_ operation: inout ReadOperation) {
        guard let (reply, target, round) = next() else { return }
        var directives: [CoordinatorDirective] = []
        if let reply {
            operation.answered(reply, by: target, round: round, into: &directives)
        } else {
            operation.unanswered(by: target.node, round: round, into: &directives)
        }
        take(directives)
    }

    /// Until nothing is asked any more; a pause ends at once.
    mutating func run(_ operation: inout WriteOperation) {
        for _ in 0..<200 {
            if asked.isEmpty {
                guard case .waiting = operation.outcome else { return }
                var directives: [CoordinatorDirective] = []
                now += .seconds(1)
                operation.timePassed(time, into: &directives)
                take(directives)
            } else {
                step(&operation)
            }
        }
    }

    mutating func run(_ operation: inout ReadOperation) {
        while !asked.isEmpty { step(&operation) }
    }

    mutating func write(
        _ key: RegisterKey, _ number: UInt64, id: UInt64? = nil, policy: WritePolicy
    ) -> WriteOperation {
        write(key, file(number), id: id ?? number, policy: policy)
    }

    mutating func write(
        _ key: RegisterKey, _ value: RegisterValue, id: UInt64 = 1, policy: WritePolicy
    ) -> WriteOperation {
        var directives: [CoordinatorDirective] = []
        let world = self
        let operation = WriteOperation(
            key, value, operationID(id), own: targets.holders[0],
            targets: targets, policy: policy, time: time,
            isReachable: { world.isReachable($0) }, into: &directives)
        take(directives)
        return operation
    }

    mutating func read(_ key: RegisterKey, policy: WritePolicy) -> ReadOperation {
        var directives: [CoordinatorDirective] = []
        let world = self
        let operation = ReadOperation(
            key, targets: targets, policy: policy, time: time,
            isReachable: { world.isReachable($0) }, into: &directives)
        take(directives)
        return operation
    }

    /// How many disks have the version durably, visible or not.
    func holding(_ version: RegisterVersion, _ key: RegisterKey) -> [Int] {
        disks.indices.filter { disks[$0].register(key)?.contains(version.dot) == true }
    }
}

/// By a name that a parameter called `operation` does not hide.
private func operationID(_ number: UInt64) -> OperationID { operation(number) }
