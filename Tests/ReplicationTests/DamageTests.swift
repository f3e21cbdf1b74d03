import Model
import Testing

@testable import Replication

/// What one disk says of versions whose content failed its check.
@Suite struct DamagedVersionTests {
    private let key = RegisterKey.file(path("/f"))

    /// A disk with one committed file.
    private func written() throws -> (MemoryTables, RegisterVersion) {
        var tables = MemoryTables(disk: disk(0))
        let version = try #require(assign(on: &tables))
        _ = tables.execute(.commit(key, version, listed: true), at: .zero)
        return (tables, version)
    }

    private func assign(on tables: inout MemoryTables) -> RegisterVersion? {
        let assignment = Assignment(
            key: key, value: file(1), operation: operation(1), time: HybridTime(value: 1 << 20))
        guard
            case .assigned(let version, _) = tables.execute(.assign(assignment), at: .zero).reply
        else { return nil }
        return version
    }

    private func register(_ outcome: ReplicaOutcome) -> Register? {
        if case .register(let register, _, _) = outcome.reply { return register }
        return nil
    }

    @Test func aReaderIsToldWhatIsBad() throws {
        var (tables, version) = try written()
        #expect(register(tables.execute(.read(key), at: .zero))?.damaged == [])
        tables.corrupt(key, [version.dot])
        let outcome = tables.execute(.read(key), at: .zero)
        #expect(register(outcome)?.damaged == [version.dot])
        #expect(outcome.damaged == [DamagedVersions(key: key, dots: [version.dot])])
        // Nothing is marked by reading.
        #expect(tables.register(key)?.damaged == [])
    }

    @Test func whatIsInQuarantineIsNoCopyAndStaysKnown() throws {
        var (tables, version) = try written()
        let before = tables.state(of: key.partition).sum
        tables.corrupt(key, [version.dot])
        let outcome = tables.execute(.quarantine(key, [version.dot]), at: .zero)
        #expect(outcome.changes.count == 1)
        #expect(tables.state(of: key.partition).sum != before)
        #expect(tables.register(key)?.head == version)
        for request in [
            ReplicaRequest.prepare(key, version), .commit(key, version, listed: true),
        ] {
            guard case .damaged = tables.execute(request, at: .zero).reply else {
                Issue.record("\(request) counts it")
                continue
            }
        }
        guard
            case .stale = tables.execute(
                .forget(key.partition, ifSum: tables.state(of: key.partition).sum), at: .zero
            ).reply
        else {
            Issue.record("dropped")
            return
        }
    }

    @Test func aGoodCopyFromAnotherDiskRepairsIt() throws {
        var (tables, version) = try written()
        var other = MemoryTables(disk: disk(1))
        _ = other.execute(.commit(key, version, listed: true), at: .zero)
        tables.corrupt(key, [version.dot])
        _ = tables.execute(.quarantine(key, [version.dot]), at: .zero)
        let outcome = merge(other, into: &tables)
        #expect(outcome.repaired == [key])
        #expect(tables.register(key)?.damaged == [])
        #expect(tables.badContents(of: key) == [])
        #expect(tables.state(of: key.partition).sum == other.state(of: key.partition).sum)
    }

    @Test func aRecordWithoutContentIsTakenForNoCopy() throws {
        var (tables, version) = try written()
        tables.corrupt(key, [version.dot])
        var other = MemoryTables(disk: disk(1))
        _ = merge(tables, into: &other)
        #expect(other.register(key)?.head == version)
        #expect(other.register(key)?.damaged == [version.dot])
    }

    @Test func aMarkGoesWithItsVersion() throws {
        var (tables, version) = try written()
        tables.corrupt(key, [version.dot])
        _ = tables.execute(.quarantine(key, [version.dot]), at: .zero)
        let assignment = Assignment(
            key: key, value: file(2), operation: operation(2), time: HybridTime(value: 2 << 20))
        guard
            case .assigned(let next, _) = tables.execute(.assign(assignment), at: .zero).reply
        else {
            Issue.record("not assigned")
            return
        }
        _ = tables.execute(.commit(key, next, listed: true), at: .zero)
        #expect(tables.register(key)?.damaged == [version.dot])
        _ = tables.execute(.expire(key, [version.dot]), at: .zero)
        #expect(tables.register(key)?.damaged == [])
        #expect(tables.badContents(of: key) == [])
    }

    @Test func theScrubMeetsEveryRegisterOnceAWalk() throws {
        var tables = MemoryTables(disk: disk(0))
        var dots: [RegisterKey: Dot] = [:]
        for number in 0..<40 {
            let key = RegisterKey.file(path("/d\(number % 3)/f\(number)"))
            let assignment = Assignment(
                key: key, value: file(1), operation: operation(UInt64(number)),
                time: HybridTime(value: 1 << 20))
            guard
                case .assigned(let version, _) = tables.execute(.assign(assignment), at: .zero)
                    .reply
            else { continue }
            _ = tables.execute(.commit(key, version, listed: true), at: .zero)
            tables.corrupt(key, [version.dot])
            dots[key] = version.dot
        }
        var found: [RegisterKey] = []
        var after: RegisterKey?
        for _ in 0..<10 {
            let outcome = tables.execute(.scrub(after: after, limit: 7), at: .zero)
            #expect(outcome.damaged.count <= 7)
            found += outcome.damaged.map(\.key)
            guard case .scrubbed(let next, _) = outcome.reply else { break }
            after = next
            if next == nil { break }
        }
        #expect(after == nil)
        #expect(found.count == 40)
        #expect(Set(found) == Set(dots.keys))
    }

    private func merge(_ from: MemoryTables, into tables: inout MemoryTables) -> ReplicaOutcome {
        var from = from
        let keys = [ItemKey(key.fingerprint)]
        guard
            case .fetched(let registers, let entries, let context, _) = from.execute(
                .fetch(key.partition, keys, withUnsettled: false), at: .zero
            ).reply
        else { return ReplicaOutcome(reply: .stale) }
        return tables.execute(
            .merge(key.partition, registers, entries, theirs: context, .holder), at: .zero)
    }
}
