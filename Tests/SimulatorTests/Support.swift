import Model
import Replication

@testable import Simulator

/// Small worlds and hand-made histories.
enum Support {
    static func options(
        nodes: Int = 3, seed: UInt64 = 1, seconds: Int64 = 10, faults: FaultKinds = []
    ) -> SimulationOptions {
        var options = SimulationOptions()
        options.nodeCount = nodes
        options.seed = seed
        options.length = .seconds(seconds)
        options.faults = faults
        options.clientCount = 4
        options.settleTime = .seconds(60)
        return options
    }

    static let disk = DiskID(bits: Bits128(high: 1, low: 1))
    static let path = KeySpace.plain[0]

    /// The `sequence`-th version that the disk made, knowing those before it down to `knows`.
    static func version(
        _ sequence: UInt64, on disk: DiskID = disk, knows: [Dot] = [], time: UInt64? = nil
    ) -> Version {
        let dot = Dot(disk: disk, sequence: sequence)
        var context = CausalContext(entries: [])
        for other in knows { context.insert(other) }
        context.insert(dot)
        return Version(dot: dot, time: HybridTime(value: time ?? sequence), context: context)
    }

    static func record(
        _ index: Int, _ kind: OperationRecord.Kind, from invoked: Int64, to answered: Int64,
        _ outcome: OperationRecord.Outcome, path: StorePath = path
    ) -> OperationRecord {
        var record = OperationRecord(
            client: 0, index: index, kind: kind, path: path, invoked: invoked)
        record.answered = outcome == .unknown ? .max : answered
        record.outcome = outcome
        record.operation = OperationID(bits: Bits128(high: 0, low: UInt64(index)))
        return record
    }

    static func content(_ index: Int) -> ContentNumber { ContentNumber(client: 0, index: index) }

    static func written(_ version: Version, copies: Int = 2) -> OperationRecord.Outcome {
        .written(version, copies: copies, exact: true)
    }

    static func stored(_ version: Version, by index: Int, deleted: Bool = false) -> RegisterVersion
    {
        let content = content(index)
        let facts = FileFacts(
            byteCount: 1, digest: content.digest, contentType: "", created: .init(nanoseconds: 0),
            modified: .init(nanoseconds: 0), object: ObjectID(bits: Bits128(high: 0, low: 1)),
            home: Partition(of: path))
        return RegisterVersion(
            version: version, value: deleted ? .deleted : .file(facts),
            operation: OperationID(bits: Bits128(high: 0, low: UInt64(index))))
    }

    /// One file on hosts 0 and 1, which hold it.
    static func final(_ registers: [Register], path: StorePath = path) -> FinalState {
        var final = FinalState(time: .seconds(100))
        var file = FinalState.File(path: path)
        file.holders = Array(0..<2)
        for (host, register) in registers.enumerated() {
            var context = PartitionContext()
            if let head = register.head { context.insert(head.dot) }
            for kept in register.kept { context.insert(kept.dot) }
            file.copies.append(.init(host: host, register: register, context: context))
        }
        final.files = [file]
        final.layout = Layout(
            id: LayoutID(bits: Bits128(high: 0, low: 1)),
            members: (0..<2).map {
                LayoutMember(node: HostName.node($0), disk: disk, weight: 1, zone: "")
            }, replicationFactor: 2)
        return final
    }
}
