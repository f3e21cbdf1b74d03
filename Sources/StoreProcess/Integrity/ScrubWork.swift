internal import Model
internal import Replication

/// What is to be checked of one partition.
struct ScrubWork {
    struct Item {
        var file: ExpectedFile
        var dots: [Dot]
        /// It is what the path shows now.
        var isHead: Bool
        /// To lack it is damage.
        var isNeeded: Bool
    }

    private(set) var items: [Item] = []
    private(set) var known: [DamagedVersions] = []
    private(set) var fileCount: UInt64 = 0

    /// Reads the registers of the partition, from one state of the database.
    init(_ partition: Partition, _ finder: ContentFinder) throws {
        let tables = finder.tables
        var work = ScrubWork()
        _ = try finder.reader.snapshot {
            for item in try tables.files(of: partition) {
                try work.add(item) { try tables.queries.object($0)?.state }
            }
        }
        self = work
    }

    private init() {}

    private mutating func add(
        _ item: KeyedRegister, _ state: (ObjectID) throws -> ObjectRow.State?
    ) throws {
        let register = item.register
        // What was acknowledged and is about to be committed counts as the file, as it does for readers.
        let head = register.newest.flatMap { $0.value.facts == nil ? nil : $0 }
        if head != nil { fileCount += 1 }
        var lacking: Set<Dot> = []
        var found: [ObjectID: Item] = [:]
        func add(_ version: RegisterVersion, isNeeded: Bool) throws {
            guard let facts = version.value.facts else { return }
            let state = try state(facts.object)
            if isNeeded, state == .bad || register.damaged.contains(version.dot) {
                lacking.insert(version.dot)
            }
            guard state == .here else { return }
            var work =
                found[facts.object]
                ?? Item(
                    file: ExpectedFile(item.key.path, ExpectedContent(facts)), dots: [],
                    isHead: false, isNeeded: false)
            if isNeeded { work.dots.append(version.dot) }
            work.isHead = work.isHead || version.dot == head?.dot
            work.isNeeded = work.isNeeded || isNeeded
            found[facts.object] = work
        }
        for version in register.versionsWithContent { try add(version, isNeeded: true) }
        for version in register.spareVersions { try add(version.version, isNeeded: false) }
        if !lacking.isEmpty {
            known.append(DamagedVersions(key: item.key, dots: lacking.sorted { $0 < $1 }))
        }
        items += found.values.sorted { $0.file.content.object < $1.file.content.object }
    }
}
