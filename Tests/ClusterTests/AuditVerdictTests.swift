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

    private func version(
        _ disk: UInt64, at time: UInt64, _ value: RegisterValue, by operation: UInt64,
        knowing: [Dot] = []
    ) -> RegisterVersion {
        let dot = Dot(disk: DiskID(bits: Bits128(high: disk, low: 1)), sequence: 1)
        var context = CausalContext(entries: [dot])
        for other in knowing { context.insert(other) }
        return RegisterVersion(
            version: Version(dot: dot, time: HybridTime(value: time), context: context),
            value: value, operation: OperationID(bits: Bits128(high: 0, low: operation)))
    }

    private func file() throws -> RegisterValue {
        .file(
            FileFacts(
                byteCount: 1, digest: try #require(Digest(bytes: [UInt8](repeating: 1, count: 32))),
                contentType: "text/plain", created: Timestamp(nanoseconds: 0),
                modified: Timestamp(nanoseconds: 0),
                object: ObjectID(bits: Bits128(high: 0, low: 1)), home: Partition(number: 0)))
    }

    /// A node under a clock far ahead lists what it has prepared, and dies. The write is made by another
    /// node, and the file deleted; the first one takes back its attempt, which no context ever has.
    @Test func whatWasTakenBackIsNotListed() throws {
        let path = try StorePath(validating: "/a/f".utf8)
        let key = try #require(EntryKey(of: path))
        let first = version(1, at: 99, try file(), by: 7)
        let item = KeyedEntry(
            key: key, entry: DirectoryEntry(file: .init(rank: first.rank, record: first.record)))
        let second = version(2, at: 10, try file(), by: 7)
        let deletion = version(3, at: 20, .deleted, by: 8, knowing: [second.dot])
        var context = PartitionContext()
        var register = Register()
        register.commit(deletion, in: &context)
        // Whether the operation took effect is not known: it may come.
        #expect(item.followed(by: register, context) == nil)

        register = Register()
        context = PartitionContext()
        register.commit(second, in: &context)
        register.commit(deletion, in: &context)
        let corrected = AuditVerdict.correct(
            KeyedEntry(
                key: key,
                entry: DirectoryEntry(
                    file: .init(rank: first.rank, record: nil, correction: 1))))
        #expect(item.followed(by: register, context) == corrected)
        // As long as one holder has it, it is not taken back.
        register.prepared = [first]
        #expect(item.followed(by: register, context) == nil)
    }
}
