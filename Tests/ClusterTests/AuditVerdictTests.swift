import Model
import Replication
import Testing

@testable import Cluster

/// What holders have to agree on before an entry of a directory is corrected or let go.
@Suite struct AuditVerdictTests {
    private func entry(_ time: UInt64) -> DirectoryEntry {
        let disk = DiskID(bits: Bits128(high: 1, low: 1))
        return DirectoryEntry(
            file: .init(
                rank: Rank(time: HybridTime(value: time), dot: Dot(disk: disk, sequence: 1)),
                record: nil))
    }

    private func reply(_ entry: DirectoryEntry?) -> ReplicaReply {
        .entry(entry, existence: Existence(exists: true, isMarked: false, rank: nil))
    }

    @Test func aTraceGoesWhereNoHolderHasAnotherEntryOfItsName() throws {
        let key = EntryKey(directory: try StorePath(validating: "/a".utf8), name: Array("f".utf8))
        let item = KeyedEntry(key: key, entry: entry(5))
        let audit = Audit.trace(item)
        #expect(audit.verdict(reply(entry(5))) == .drop(item))
        #expect(audit.verdict(reply(nil)) == .drop(item))
        // An older one would come back to all; a newer one is no trace of this.
        #expect(audit.verdict(reply(entry(4))) == nil)
        #expect(audit.verdict(reply(entry(6))) == nil)
        #expect(audit.verdict(.done) == nil)
    }
}
