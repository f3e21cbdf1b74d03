internal import GRDB
internal import Model
internal import Replication

/// Makes the rows of `kept` and `trash` from registers of a time when only losers of conflicts kept
/// their contents: of everything else that was superseded the name alone is there, and counts as purged.
enum KeptAdoption {
    /// Within a transaction, on tables that have nothing yet.
    static func run(_ database: Database) throws {
        let queries = try TableQueries(database)
        let writes = try TableWrites(database)
        let ledger = try Ledger(database)
        let kept = try KeptTable(database, ledger)
        for partition in try queries.partitions() {
            var row = try queries.state(of: partition)
            for item in try queries.registers(of: partition)
            where item.key.kind == .file && !item.register.kept.isEmpty {
                let register = purged(item.register)
                let since = try queries.register(item.key)?.since
                try writes.put(register, since: since, for: item.key)
                row.state.contents &-= item.register.fingerprint(of: item.key)
                row.state.contents &+= register.fingerprint(of: item.key)
                try kept.changed(item.key.path, from: nil, to: register) {
                    try queries.object($0)?.state == .here
                }
            }
            try writes.put(row, of: partition)
        }
        for (key, value) in zip(KeptSums.keys, ledger.counters.kept.values) {
            try ledger.statements.setState(key, value)
        }
    }

    private static func purged(_ register: Register) -> Register {
        var register = register
        for index in register.kept.indices where !register.kept[index].isConflict {
            register.kept[index].isPurged = true
        }
        return register
    }
}
