import Model
import Replication

/// Random values of all that travels, for laws of its encoding.
struct WireSamples {
    var generator: SplitMix64

    init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        Int.random(in: range, using: &generator)
    }

    mutating func chance() -> Bool { Bool.random(using: &generator) }

    mutating func word() -> UInt64 {
        UInt64.random(in: 0...WireLimits.numberMax, using: &generator)
    }

    mutating func some<T>(_ count: ClosedRange<Int>, _ make: (inout Self) -> T) -> [T] {
        (0..<number(count)).map { _ in make(&self) }
    }

    mutating func maybe<T>(_ make: (inout Self) -> T) -> T? { chance() ? make(&self) : nil }

    mutating func path() -> StorePath {
        let names = some(0...3) { "n\($0.number(0...99))" }
        return makePath("/" + names.joined(separator: "/"))
    }

    mutating func key() -> RegisterKey {
        RegisterKey(kind: [.file, .mark, .locks][number(0...2)], path: path())
    }

    mutating func dot() -> Dot { Dot(disk: disk(number(0...9)), sequence: word()) }

    mutating func time() -> HybridTime { HybridTime(value: word()) }

    mutating func context() -> CausalContext {
        var context = CausalContext.empty
        for dot in some(0...4, { $0.dot() }) { context.insert(dot) }
        return context
    }

    mutating func partitionContext() -> PartitionContext {
        var context = PartitionContext()
        if chance() { context.raiseFloor(to: time()) }
        for dot in some(0...12, { $0.dot() }) { context.insert(dot) }
        for _ in 0..<number(0...6) {
            context.insert(Dot(disk: disk(number(0...2)), sequence: UInt64(number(1...20))))
        }
        return context
    }

    mutating func ballot() -> Ballot {
        Ballot(round: word(), node: node("n\(number(0...9))"), nonce: generator.next())
    }

    mutating func facts() -> FileFacts {
        FileFacts(
            byteCount: generator.next(), digest: digest(), contentType: "text/ü",
            created: Timestamp(nanoseconds: Int64(bitPattern: generator.next())),
            modified: Timestamp(nanoseconds: 0), object: ObjectID(using: &generator),
            home: Partition(number: UInt16(number(0...65535))),
            properties: chance() ? [] : properties())
    }

    /// Never empty.
    mutating func properties() -> [UInt8] { [0x3C] + some(0...9) { UInt8($0.number(0...255)) } }

    mutating func digest() -> Digest {
        guard let digest = Digest(bytes: (0..<32).map { _ in UInt8(number(0...255)) }) else {
            preconditionFailure("32 bytes")
        }
        return digest
    }

    mutating func lock() -> Lock {
        Lock(
            token: LockToken(using: &generator), owner: some(0...9) { UInt8($0.number(0...255)) },
            scope: chance() ? .shared : .exclusive, depth: chance() ? .zero : .infinity,
            seconds: UInt32(number(0...9999)), expires: word(), fence: time())
    }

    mutating func lockSet() -> LockSet {
        LockSet(
            locks: some(0...4) { $0.lock() },
            traces: some(0...4) {
                LockSet.Trace(name: [UInt8($0.number(97...122))], until: $0.word())
            },
            crowdedUntil: word())
    }

    mutating func value() -> RegisterValue {
        switch number(0...4) {
        case 0: .file(facts())
        case 1: .mark
        case 2: .deleted
        case 3: .describedMark(properties())
        default: .locks(lockSet())
        }
    }

    mutating func version() -> RegisterVersion {
        RegisterVersion(
            version: Version(dot: dot(), time: time(), context: context()), value: value(),
            operation: OperationID(using: &generator))
    }

    mutating func register() -> Register {
        let kept = some(0...3) {
            KeptVersion(
                version: $0.version(), since: $0.time(), isConflict: $0.chance(),
                tookEffect: $0.chance(), isPurged: $0.chance())
        }
        var register = Register(
            head: maybe { $0.version() }, kept: kept.sorted { $0.dot < $1.dot },
            prepared: some(0...2) { $0.version() },
            ballot: maybe {
                BallotSlot(
                    promised: $0.ballot(),
                    accepted: $0.maybe { .init(ballot: $0.ballot(), version: $0.version()) },
                    settled: $0.maybe { $0.ballot() })
            })
        let dots = kept.map(\.dot) + (register.head.map { [$0.dot] } ?? [])
        register.markDamaged(dots.filter { _ in chance() })
        return register
    }

    mutating func entryKey() -> EntryKey {
        EntryKey(directory: path(), name: Array("x\(number(0...99))".utf8))
    }

    mutating func rank() -> Rank { Rank(time: time(), dot: dot()) }

    mutating func record() -> FileRecord? {
        RegisterVersion(
            version: version().version, value: .file(facts()),
            operation: OperationID(using: &generator)
        ).record
    }

    mutating func entry() -> DirectoryEntry {
        DirectoryEntry(
            file: maybe { .init(rank: $0.rank(), record: $0.record(), correction: 7) },
            directory: maybe { .init(rank: $0.rank(), exists: $0.chance(), correction: 9) })
    }

    mutating func fingerprint() -> Fingerprint {
        Fingerprint(high: generator.next(), low: generator.next())
    }

    /// The bytes with up to four of them changed, in a way that comes far.
    mutating func damaged(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<number(1...4) {
            let index = number(0...bytes.count - 1)
            bytes[index] = [0, 1, 2, 0x7F, 0xFF, UInt8(number(0...255))][number(0...5)]
        }
        return bytes
    }

    mutating func keyedRegisters() -> [KeyedRegister] {
        some(0...3) { KeyedRegister(key: $0.key(), register: $0.register()) }
    }

    mutating func keyedEntries() -> [KeyedEntry] {
        some(0...3) { KeyedEntry(key: $0.entryKey(), entry: $0.entry()) }
    }

    mutating func partition() -> Partition { Partition(number: UInt16(number(0...65535))) }

    mutating func existence() -> Existence {
        Existence(
            exists: chance(), isMarked: chance(), markRank: maybe { $0.rank() },
            rank: maybe { $0.rank() }, hasChanged: chance())
    }

    mutating func guarding() -> WriteGuard {
        WriteGuard(
            locks: maybe {
                LockGuard(
                    tokens: $0.some(0...3) { LockToken(using: &$0.generator) },
                    holdsShared: $0.chance(), wallMilliseconds: $0.word())
            }, passesDirectories: chance())
    }

    mutating func assignment() -> Assignment {
        Assignment(
            key: key(), value: value(), operation: OperationID(using: &generator), time: time())
    }
}

private func makePath(_ text: String) -> StorePath { path(text) }
