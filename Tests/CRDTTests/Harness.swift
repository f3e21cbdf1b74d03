import Model
import Testing

@testable import CRDT

func node(_ number: Int) -> NodeID {
    guard let node = NodeID("node-\(number)") else { preconditionFailure("a node's name") }
    return node
}

func disk(_ number: Int) -> DiskID {
    DiskID(bits: Bits128(high: 0xD15C, low: UInt64(number)))
}

/// 2026-01-01.
let wallStart: UInt64 = 1_767_225_600_000

func encoded(_ encode: (inout ByteWriter) -> Void) -> [UInt8] {
    var writer = ByteWriter()
    encode(&writer)
    return writer.bytes
}

/// Makes values from few names and few times, so that they meet often.
struct Maker {
    var rng: SplitMix64

    init(seed: UInt64) { rng = SplitMix64(seed: seed) }

    mutating func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &rng) }
    mutating func isOneIn(_ count: Int) -> Bool { number(1...count) == 1 }
    mutating func anyNode() -> NodeID { node(number(0...4)) }
    mutating func stamp() -> Stamp {
        Stamp(time: HybridTime(value: UInt64(number(0...6))), node: anyNode())
    }

    mutating func setting() -> Setting {
        let made = Setting(
            key: "key.\(number(0...3))", value: "value \(number(0...2))", stamp: stamp())
        guard let made else { preconditionFailure("a setting") }
        return made
    }

    mutating func facts() -> NodeFacts {
        NodeFacts(
            disk: disk(number(0...2)),
            addresses: (0..<number(0...2)).map { "10.0.0.\($0):9000" },
            zone: isOneIn(2) ? "" : "zone \(number(0...1))", weight: UInt32(number(0...3)),
            capacityBytes: UInt64(number(0...1000)),
            flags: NodeFlags(rawValue: UInt32(number(0...127))),
            programVersion: "1.\(number(0...2))")
    }

    mutating func register(of owner: NodeID? = nil) -> NodeRegister {
        NodeRegister(
            node: owner ?? anyNode(), incarnation: UInt64(number(0...2)),
            sequence: UInt64(number(0...2)), facts: facts())
    }

    mutating func layoutEntry() -> LayoutEntry {
        let state: LayoutEntry.State =
            isOneIn(4)
            ? .out
            : .member(disk: disk(number(0...2)), weight: UInt32(number(1...3)), zone: "")
        return LayoutEntry(node: anyNode(), state: state, stamp: stamp())
    }

    mutating func factor() -> ReplicationFactor {
        ReplicationFactor(value: UInt8(number(1...4)), stamp: stamp())
    }

    mutating func content() -> LayoutContent {
        var content = LayoutContent()
        for _ in 0..<number(0...6) { _ = content.merge(layoutEntry()) }
        if isOneIn(2) { _ = content.merge(factor()) }
        return content
    }

    /// Histories of replicas that changed, published, completed and merged at random.
    mutating func histories(_ count: Int) -> [LayoutHistory] {
        var all = [LayoutHistory](repeating: LayoutHistory(), count: count)
        for _ in 0..<number(0...30) {
            let index = number(0...count - 1)
            switch number(0...5) {
            case 0, 1: _ = all[index].merge(layoutEntry())
            case 2: _ = all[index].merge(factor())
            case 3: _ = all[index].publish()
            case 4:
                if let one = all[index].active.randomElement(using: &rng) {
                    _ = all[index].complete(one.id)
                }
            default: all[index].merge(all[number(0...count - 1)])
            }
        }
        return all
    }

    /// States of nodes of one cluster that changed and merged at random, completion included.
    mutating func states(_ count: Int) -> [ClusterState] {
        let id = ClusterID(bits: Bits128(high: 1, low: 1))
        var all = (0..<count).map { index in
            ClusterState(
                identity: ClusterIdentity(name: "c", established: id), own: node(index))
        }
        for _ in 0..<number(0...40) {
            let index = number(0...count - 1)
            var outcome = MergeOutcome()
            switch number(0...7) {
            case 0: all[index].merge(.setting(setting()), isOwn: true, outcome: &outcome)
            case 1: all[index].merge(.register(register()), isOwn: true, outcome: &outcome)
            case 2, 3: all[index].merge(.member(layoutEntry()), isOwn: true, outcome: &outcome)
            case 4:
                all[index].merge(.replicationFactor(factor()), isOwn: true, outcome: &outcome)
            case 5: _ = try? all[index].publishLayout()
            case 6: declare(&all[index])
            default:
                _ = all[index].join(all[number(0...count - 1)], outcome: &outcome)
                all[index].settle(&outcome)
            }
        }
        return all
    }

    /// All members of one active layout declare it, as far as this node heard.
    private mutating func declare(_ state: inout ClusterState) {
        guard let one = state.layouts.active.randomElement(using: &rng) else { return }
        var outcome = MergeOutcome()
        for member in one.layout.members {
            var facts = facts()
            facts.disk = member.disk
            facts.declareSynced(one.id)
            let old = state.register(of: member.node)
            let register = NodeRegister(
                node: member.node, incarnation: old?.incarnation ?? 0,
                sequence: (old?.sequence ?? 0) + 1, facts: facts)
            state.merge(.register(register), isOwn: true, outcome: &outcome)
        }
        state.settle(&outcome)
    }
}

/// The laws of a join, for three values.
func checkLaws<Value: Equatable>(
    _ a: Value, _ b: Value, _ c: Value, _ note: String, join: (Value, Value) -> Value
) {
    #expect(join(a, b) == join(b, a), "commutative: \(note)")
    #expect(join(join(a, b), c) == join(a, join(b, c)), "associative: \(note)")
    #expect(join(a, a) == a, "idempotent: \(note)")
    let ab = join(a, b)
    #expect(join(ab, a) == ab && join(ab, b) == ab, "monotonic: \(note)")
}
