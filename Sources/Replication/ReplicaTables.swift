package import Model

/// What a disk knows of one partition beside its registers and entries.
package struct PartitionState: Hashable, Sendable {
    package var context: PartitionContext
    /// The highest sequence that this disk has given out in the partition.
    package var counter: UInt64
    /// The sum of the fingerprints of all registers and entries.
    package var contents: Fingerprint
    package var itemCount: Int

    package init() {
        context = PartitionContext()
        counter = 0
        contents = .zero
        itemCount = 0
    }

    /// The contents and the context: equal on two disks iff they know the same of the partition.
    package var sum: Fingerprint { contents &+ context.fingerprint }
}

/// What a directory amounts to, kept up to date with each entry.
package struct DirectoryState: Hashable, Sendable {
    package var liveCount: Int
    /// The newest change that was ever seen in it.
    package var rank: Rank?

    package init(liveCount: Int = 0, rank: Rank? = nil) {
        self.liveCount = liveCount
        self.rank = rank
    }
}

/// The tables of one disk, as the rules of replication use them: all inside of one transaction,
/// which the shell makes durable. The store has them in SQLite, the simulator in memory.
///
/// Partition sums are the tables' own matter: `Replica` changes them through the setters below.
package protocol ReplicaTables {
    var disk: DiskID { get }
    /// Whether there is no room for new content.
    var isFull: Bool { get }
    /// No sequence at or below it is given out any more: what forgotten partitions had used.
    var sequenceFloor: UInt64 { get set }

    func state(of partition: Partition) -> PartitionState
    mutating func setState(_ state: PartitionState, of partition: Partition)

    func register(_ key: RegisterKey) -> Register?
    /// Reads the contents of the register's versions: those whose bytes are not what was stored.
    func badContents(of key: RegisterKey) -> [Dot]
    /// Nil removes it.
    mutating func setRegister(_ register: Register?, for key: RegisterKey)

    func entry(_ key: EntryKey) -> DirectoryEntry?
    mutating func setEntry(_ entry: DirectoryEntry?, for key: EntryKey)
    /// In order of names; live ones, or all.
    func entries(
        in directory: StorePath, after: [UInt8]?, limit: Int, withGone: Bool
    ) -> [KeyedEntry]
    func directoryState(_ directory: StorePath) -> DirectoryState
    mutating func setDirectoryState(_ state: DirectoryState, of directory: StorePath)

    /// The registers and entries of a partition, each sorted.
    func contents(of partition: Partition) -> ([KeyedRegister], [KeyedEntry])
    /// Those registers of a partition that age: at least all that are more than a file's newest version.
    func agingRegisters(of partition: Partition) -> [KeyedRegister]
    mutating func forget(_ partition: Partition)
    /// Sorted.
    var partitions: [Partition] { get }

    mutating func addOutbox(_ row: OutboxRow)
    mutating func removeOutbox(_ row: OutboxRow)
    /// The first rows behind `after`, sorted.
    func outbox(after: OutboxRow?, limit: Int) -> [OutboxRow]

    /// One that is there stays as it is.
    mutating func addMove(_ intent: MoveIntent)
    /// By the operation that makes the destination, as below.
    mutating func setMovePlaced(_ placing: OperationID)
    mutating func removeMove(_ placing: OperationID)
    /// The first rows behind `after`, sorted.
    func moves(after: OperationID?, limit: Int) -> [MoveRow]

    /// Since when a register has had something prepared or accepted; nil when it has not.
    mutating func setUnsettled(_ since: Duration?, for key: RegisterKey)
    /// Sorted by key.
    func unsettled(before: Duration) -> [RegisterKey]
}

extension ReplicaTables {
    package func agingRegisters(of partition: Partition) -> [KeyedRegister] {
        contents(of: partition).0
    }

    /// Gives out none of the next `count` sequences of any partition.
    package mutating func skipSequences(_ count: UInt64) {
        let highest = partitions.map { partition in
            let state = state(of: partition)
            return max(state.counter, state.context.highestSequence(of: disk))
        }
        sequenceFloor = max(sequenceFloor, highest.max() ?? 0) + count
    }

    /// The items of a partition as `ReplicaRequest.items` tells them.
    package func items(of partition: Partition) -> [Item] {
        var outcome = ReplicaOutcome(reply: .done)
        guard
            case .items(let items, _, _, _) = Replica.items(
                partition, checked: false, self, &outcome)
        else { return [] }
        return items
    }
}
