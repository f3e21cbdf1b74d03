import CRDT
import Model
import Testing

@testable import Cluster

/// What a node reads from its disk's small rows when it starts.
@Suite struct NodeMemoryTests {
    private let configuration: NodeConfiguration
    private let disk = NodeDisk(id: DiskID(bits: Bits128(high: 0, low: 1)))
    private let cluster = ClusterID(bits: Bits128(high: 0, low: 2))
    private let wall: UInt64 = 1_700_000_000_000

    init() throws {
        configuration = NodeConfiguration(node: try #require(NodeID("a")))
    }

    private func disk(_ rows: [MetaRow]) -> NodeDisk {
        var disk = disk
        _ = disk.execute(.save(rows), at: .zero)
        return disk
    }

    /// An established cluster with a register and some settings.
    private func state() throws -> (state: ClusterState, changes: [Delta]) {
        var clock = HybridClock()
        var state = ClusterState(
            identity: ClusterIdentity(name: configuration.clusterName), own: configuration.node)
        state.start(incarnationAtLeast: 3)
        var changes = [state.establish(cluster)]
        changes.append(try state.announce(NodeFacts(disk: disk.id, zone: "z", weight: 7)))
        for number in 0..<5 {
            changes.append(
                try state.set(
                    "key\(number)", to: "\(number)", clock: &clock, wallMilliseconds: wall))
        }
        changes.append(
            try state.set("key0", to: "again", clock: &clock, wallMilliseconds: wall))
        return (state, changes)
    }

    @Test func aNewDiskRemembersNothing() {
        #expect(NodeMemory.life(disk) == 0)
        #expect(NodeMemory.epoch(disk) == 0)
        #expect(NodeMemory.departed(disk) == nil)
        #expect(NodeMemory.clock(disk) == .zero)
        #expect(NodeMemory.peers(disk) == [])
        #expect(NodeMemory.declarations(disk) == [])
        let state = NodeMemory.state(disk, configuration)
        #expect(state.entries.isEmpty)
        #expect(state.identity == ClusterIdentity(name: configuration.clusterName))
        #expect(!NodeMemory.isInformed(disk, state))
    }

    @Test(arguments: [0, 1, 0xFF, 0x0102_0304_0506_0708, .max] as [UInt64])
    func numbersComeBackAsTheyWere(_ number: UInt64) {
        let disk = disk([.life, .epoch, .departed].map { MetaRow($0, NodeMemory.encode(number)) })
        #expect(NodeMemory.life(disk) == number)
        #expect(NodeMemory.epoch(disk) == number)
        #expect(NodeMemory.departed(disk) == number)
    }

    @Test func namesAndLayoutsComeBackInTheirOrder() throws {
        let peers = try ["c", "b", String(repeating: "n", count: 64)].map { name in
            try #require(NodeID(name))
        }
        let layouts = [3, 1, 2].map { LayoutID(bits: Bits128(high: .max, low: $0)) }
        let disk = disk([
            MetaRow(.peers, NodeMemory.encode(peers)),
            MetaRow(.declared, NodeMemory.encode(layouts)),
        ])
        #expect(NodeMemory.peers(disk) == peers)
        #expect(NodeMemory.declarations(disk) == layouts)
    }

    /// Whatever was stamped since the clock was saved last is below.
    @Test func theClockIsAboveAllThatAnEarlierLifeStamped() throws {
        var clock = HybridClock()
        _ = clock.stamp(wallMilliseconds: wall, above: .zero)
        let disk = disk([MetaRow(.clock, NodeMemory.encode(clock.last.value))])
        let interval = UInt64(ClusterLimits.clockSaveInterval.milliseconds)
        for milliseconds in 0...interval {
            _ = clock.stamp(wallMilliseconds: wall + milliseconds, above: .zero)
        }
        #expect(clock.last < NodeMemory.clock(disk))
        // And not so far ahead that a stamp is in doubt.
        var next = HybridClock(restored: NodeMemory.clock(disk))
        #expect(next.stamp(wallMilliseconds: wall + interval, above: .zero) != nil)
    }

    @Test func theStateComesBackFromTheRowsOfItsChanges() throws {
        let (state, changes) = try state()
        let disk = disk(changes.flatMap { NodeMemory.rows($0) })
        let restored = NodeMemory.state(disk, configuration)
        #expect(restored == state)
        #expect(restored.digest == state.digest)
        // One row an entry: a change replaces it.
        #expect(disk.meta.count == state.entries.count + 1)
        // The next life writes its register above the last one's.
        var next = restored
        next.start(incarnationAtLeast: 1)
        let change = try next.announce(NodeFacts(disk: disk.id))
        guard case .register(let register)? = change.entries.first else {
            Issue.record("nothing announced")
            return
        }
        #expect(register.incarnation == 4)
    }

    @Test func aRowThatIsForgottenIsNotThere() throws {
        let (_, changes) = try state()
        var disk = disk(changes.flatMap { NodeMemory.rows($0) })
        let key = CRDT.EntryKey.setting("key1")
        _ = disk.execute(.save([MetaRow(NodeMemory.key(key), nil)]), at: .zero)
        let restored = NodeMemory.state(disk, configuration)
        #expect(restored.entry(key) == nil)
        #expect(restored.entry(.setting("key2")) != nil)
    }

    /// The peers tell again what such a row said.
    @Test func aRowThatCannotBeReadIsNotThereAndHarmsNoOther() throws {
        let (state, changes) = try state()
        let key = CRDT.EntryKey.setting("key1")
        let rows = changes.flatMap { NodeMemory.rows($0) }
        let row = try #require(rows.last { $0.key == NodeMemory.key(key) }?.bytes)
        for bytes in [[], Array(row.dropLast()), row + [0], [UInt8](repeating: 0xFF, count: 40)] {
            let disk = disk(rows + [MetaRow(NodeMemory.key(key), bytes)])
            let restored = NodeMemory.state(disk, configuration)
            #expect(restored.entry(key) == nil)
            #expect(restored.entries.count == state.entries.count - 1)
        }
        let short = [UInt8](repeating: 1, count: 7)
        let disk = disk(
            [.life, .epoch, .departed, .clock].map { MetaRow($0, short) })
        #expect(NodeMemory.life(disk) == 0)
        #expect(NodeMemory.epoch(disk) == 0)
        #expect(NodeMemory.departed(disk) == nil)
        #expect(NodeMemory.clock(disk) == .zero)
    }

    @Test func ofAListThatWasCutWhatIsWholeCounts() throws {
        let peers = try ["b", "c"].map { try #require(NodeID($0)) }
        let layouts = [1, 2].map { LayoutID(bits: Bits128(high: 0, low: $0)) }
        let disk = disk([
            MetaRow(.peers, NodeMemory.encode(peers).dropLast()),
            MetaRow(.declared, NodeMemory.encode(layouts).dropLast()),
        ])
        #expect(NodeMemory.peers(disk) == [peers[0]])
        #expect(NodeMemory.declarations(disk) == [layouts[0]])
    }

    /// A founder writes its identity first.
    @Test func whoKnowsNoClusterIsNotInformed() throws {
        let (_, changes) = try state()
        let informed = MetaRow(.informed, [])
        let alone = disk([informed])
        #expect(!NodeMemory.isInformed(alone, NodeMemory.state(alone, configuration)))
        let rows = changes.flatMap { NodeMemory.rows($0) }
        let told = disk(rows)
        #expect(!NodeMemory.isInformed(told, NodeMemory.state(told, configuration)))
        let both = disk(rows + [informed])
        #expect(NodeMemory.isInformed(both, NodeMemory.state(both, configuration)))
    }

    @Test func theRowsOfAnotherClustersNameDoNotCount() throws {
        let (_, changes) = try state()
        let disk = disk(changes.flatMap { NodeMemory.rows($0) } + [MetaRow(.informed, [])])
        var other = configuration
        other.clusterName = "other"
        let state = NodeMemory.state(disk, other)
        #expect(state.identity.established == nil)
        #expect(!NodeMemory.isInformed(disk, state))
    }
}
