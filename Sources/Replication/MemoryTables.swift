package import Model

/// A disk's tables in memory: a value, so that a crash is the assignment of an older one.
package struct MemoryTables: ReplicaTables, Sendable {
    package private(set) var disk: DiskID
    package var isFull = false
    package var sequenceFloor: UInt64 = 0

    private var tables: [Partition: Table] = [:]
    private var outboxRows: [OutboxRow] = []
    /// Sorted by the operation that makes the destination.
    private var moveRows: [MoveRow] = []
    private var unsettledKeys: [RegisterKey: Duration] = [:]
    /// Contents that are not what was stored, whether anybody found out or not.
    private var bad: [RegisterKey: [Dot]] = [:]

    private struct Table: Sendable {
        var state = PartitionState()
        var registers: [KeyedRegister] = []
        var entries: [KeyedEntry] = []
        var directories: [StorePath: DirectoryState] = [:]
    }

    package init(disk: DiskID) { self.disk = disk }

    /// From now on another disk's: what it gives out are that one's sequences.
    package mutating func renew(_ disk: DiskID) { self.disk = disk }

    /// Does `request` as one transaction.
    package mutating func execute(_ request: ReplicaRequest, at now: Duration) -> ReplicaOutcome {
        Replica.execute(request, on: &self, at: now)
    }

    package func state(of partition: Partition) -> PartitionState {
        tables[partition]?.state ?? PartitionState()
    }

    package mutating func setState(_ state: PartitionState, of partition: Partition) {
        tables[partition, default: Table()].state = state
    }

    package func register(_ key: RegisterKey) -> Register? {
        guard let table = tables[key.partition] else { return nil }
        let index = table.registers.position { $0.key < key }
        guard index < table.registers.count, table.registers[index].key == key else { return nil }
        return table.registers[index].register
    }

    package mutating func setRegister(_ register: Register?, for key: RegisterKey) {
        if !bad.isEmpty { forgetBad(of: key, in: register) }
        let new = register?.fingerprint(of: key) ?? .zero
        update(key.partition) { table in
            let index = table.registers.position { $0.key < key }
            let isThere = index < table.registers.count && table.registers[index].key == key
            if isThere {
                table.state.contents &-= table.registers[index].register.fingerprint(of: key)
            }
            table.state.contents &+= new
            switch (isThere, register) {
            case (true, let register?): table.registers[index].register = register
            case (true, nil):
                table.registers.remove(at: index)
                table.state.itemCount -= 1
            case (false, let register?):
                table.registers.insert(KeyedRegister(key: key, register: register), at: index)
                table.state.itemCount += 1
            case (false, nil): break
            }
        }
    }

    // MARK: Damage

    package func badContents(of key: RegisterKey) -> [Dot] { bad[key] ?? [] }

    /// Every content that is bad, sorted by key: what only the disk itself knows.
    package var badContents: [DamagedVersions] {
        bad.keys.sorted().map { DamagedVersions(key: $0, dots: bad[$0] ?? []) }
    }

    /// The disk loses what it stored of these versions, and says so when they are read.
    package mutating func corrupt(_ key: RegisterKey, _ dots: [Dot]) {
        let known = badContents(of: key)
        guard let register = register(key) else { return }
        let new = dots.filter {
            register.contains($0) && !register.isPurged($0) && !known.contains($0)
        }
        if !new.isEmpty { bad[key] = known + new }
    }

    /// What was stored again is good, and what went is not bad any more.
    private mutating func forgetBad(of key: RegisterKey, in new: Register?) {
        guard let known = bad[key] else { return }
        let old = register(key)
        let left = known.filter { dot in
            guard let new, new.contains(dot), !new.isPurged(dot) else { return false }
            return old?.damaged.contains(dot) != true || new.damaged.contains(dot)
        }
        bad[key] = left.isEmpty ? nil : left
    }

    package func entry(_ key: EntryKey) -> DirectoryEntry? {
        guard let table = tables[key.partition] else { return nil }
        let index = table.entries.position { $0.key < key }
        guard index < table.entries.count, table.entries[index].key == key else { return nil }
        return table.entries[index].entry
    }

    package mutating func setEntry(_ entry: DirectoryEntry?, for key: EntryKey) {
        let new = entry?.fingerprint(of: key) ?? .zero
        update(key.partition) { table in
            let index = table.entries.position { $0.key < key }
            let isThere = index < table.entries.count && table.entries[index].key == key
            if isThere {
                table.state.contents &-= table.entries[index].entry.fingerprint(of: key)
            }
            table.state.contents &+= new
            switch (isThere, entry) {
            case (true, let entry?): table.entries[index].entry = entry
            case (true, nil):
                table.entries.remove(at: index)
                table.state.itemCount -= 1
            case (false, let entry?):
                table.entries.insert(KeyedEntry(key: key, entry: entry), at: index)
                table.state.itemCount += 1
            case (false, nil): break
            }
        }
    }

    package func entries(
        in directory: StorePath, after: [UInt8]?, limit: Int, withGone: Bool
    ) -> [KeyedEntry] {
        guard let table = tables[Partition(of: directory)] else { return [] }
        let start = EntryKey(directory: directory, name: after ?? [])
        var result: [KeyedEntry] = []
        for entry in table.entries[table.entries.position { $0.key < start }...] {
            guard entry.key.directory == directory, result.count < limit else { break }
            if withGone || entry.entry.isLive, after.map({ $0 != entry.key.name }) ?? true {
                result.append(entry)
            }
        }
        return result
    }

    package func directoryState(_ directory: StorePath) -> DirectoryState {
        tables[Partition(of: directory)]?.directories[directory] ?? DirectoryState()
    }

    package mutating func setDirectoryState(_ state: DirectoryState, of directory: StorePath) {
        update(Partition(of: directory)) { $0.directories[directory] = state }
    }

    package func contents(of partition: Partition) -> ([KeyedRegister], [KeyedEntry]) {
        guard let table = tables[partition] else { return ([], []) }
        return (table.registers, table.entries)
    }

    package mutating func forget(_ partition: Partition) {
        guard let table = tables.removeValue(forKey: partition) else { return }
        for item in table.registers {
            unsettledKeys[item.key] = nil
            bad[item.key] = nil
        }
        outboxRows.removeAll { Partition(of: $0.path) == partition }
    }

    package var partitions: [Partition] { tables.keys.sorted() }

    package mutating func addOutbox(_ row: OutboxRow) {
        let index = outboxRows.position { $0 < row }
        if index < outboxRows.count, outboxRows[index] == row { return }
        outboxRows.insert(row, at: index)
    }

    package mutating func removeOutbox(_ row: OutboxRow) {
        let index = outboxRows.position { $0 < row }
        if index < outboxRows.count, outboxRows[index] == row { outboxRows.remove(at: index) }
    }

    package func outbox(after: OutboxRow?, limit: Int) -> [OutboxRow] {
        guard let after else { return Array(outboxRows.prefix(limit)) }
        let first = outboxRows.position { !(after < $0) }
        return Array(outboxRows[first...].prefix(limit))
    }

    package mutating func addMove(_ intent: MoveIntent) {
        let index = moveRows.position { $0.intent.placing < intent.placing }
        if index < moveRows.count, moveRows[index].intent.placing == intent.placing { return }
        moveRows.insert(MoveRow(intent: intent), at: index)
    }

    package mutating func setMovePlaced(_ placing: OperationID) {
        for index in moveRows.indices where moveRows[index].intent.placing == placing {
            moveRows[index].isPlaced = true
        }
    }

    package mutating func removeMove(_ placing: OperationID) {
        moveRows.removeAll { $0.intent.placing == placing }
    }

    package func moves(after: OperationID?, limit: Int) -> [MoveRow] {
        let rows = moveRows.drop { row in after.map { row.intent.placing <= $0 } ?? false }
        return Array(rows.prefix(limit))
    }

    package mutating func setUnsettled(_ since: Duration?, for key: RegisterKey) {
        guard let since else {
            unsettledKeys[key] = nil
            return
        }
        if unsettledKeys[key] == nil { unsettledKeys[key] = since }
    }

    package func unsettled(before: Duration) -> [RegisterKey] {
        if unsettledKeys.isEmpty { return [] }
        return unsettledKeys.filter { $0.value <= before }.keys.sorted()
    }

    private mutating func update(_ partition: Partition, _ change: (inout Table) -> Void) {
        change(&tables[partition, default: Table()])
    }
}

extension Array {
    /// The first index whose element is not before what is looked for; the array is sorted.
    func position(_ isBefore: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBefore(self[middle]) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
