import Model
import Replication

/// All pages of a listing together: names in the order of their bytes, none twice, what was there
/// throughout in one of them, and nothing that was not, nor what was deleted as long as its
/// directory has a trace of it.
enum ListingPages {
    static let name = "ListingPages"

    static func check(
        _ history: History, _ policy: WritePolicy, _ time: Nanoseconds
    ) -> [Violation] {
        let presence = Presence(history, policy)
        var children: [StorePath: [StorePath]] = [:]
        for file in presence.files { file.parent.map { children[$0, default: []].append(file) } }
        var violations: [Violation] = []
        for record in history.records {
            guard let names = record.listedNames else { continue }
            if let violation = order(names, record) { violations.append(violation) }
            guard presence.mustKnow(record) else { continue }
            violations += contents(names, record, children[record.path] ?? [], presence)
        }
        return violations
    }

    private static func order(
        _ names: [OperationRecord.ListedName], _ record: OperationRecord
    ) -> Violation? {
        // What shows beside a directory of its name is listed behind that.
        let plain = names.map(\.name).filter { ConflictName(parsing: $0) == nil }
        for (first, second) in zip(plain, plain.dropFirst())
        where !first.lexicographicallyPrecedes(second) {
            return Violation(
                name, at: record.answered,
                "\(first == second ? "twice" : "out of order"): \(text(second))", [record])
        }
        return nil
    }

    private static func contents(
        _ names: [OperationRecord.ListedName], _ record: OperationRecord, _ files: [StorePath],
        _ presence: Presence
    ) -> [Violation] {
        let listed = Set(names.map(\.name))
        var violations: [Violation] = []
        for file in files {
            let isListed = listed.contains(Array(file.name))
            switch presence.verdict(on: file, during: record) {
            case .present where !isListed:
                violations.append(
                    Violation(name, at: record.answered, "does not list \(file)", [record]))
            // A directory of that name may be there.
            case .absent where isListed && !KeySpace.allDirectories.contains(file):
                violations.append(
                    Violation(
                        name, at: record.answered, "lists \(file), which is not there", [record]))
            case .present, .absent, .uncertain: break
            }
        }
        return violations
    }

    private static func text(_ name: [UInt8]) -> String { String(decoding: name, as: UTF8.self) }
}

extension OperationRecord {
    /// Nil where it listed nothing; no names where there is no such directory.
    fileprivate var listedNames: [ListedName]? {
        switch (kind, outcome) {
        case (_, .listed(let names)): names
        case (.list, .notFound), (.listPages, .notFound): []
        default: nil
        }
    }
}

/// A directory that was removed had nothing in it.
enum RemovedDirectoriesWereEmpty {
    static let name = "RemovedDirectoriesWereEmpty"

    static func check(
        _ history: History, _ policy: WritePolicy, _ time: Nanoseconds
    ) -> [Violation] {
        let presence = Presence(history, policy)
        return history.records.compactMap { record in
            guard record.kind == .removeDirectory, record.written != nil,
                presence.mustKnow(record)
            else { return nil }
            let file = presence.files.first {
                $0.isBelow(record.path) && presence.verdict(on: $0, during: record) == .present
            }
            guard let file else { return nil }
            return Violation(
                name, at: record.answered, "removed, with \(file) in it",
                [record] + history.on(file).filter(\.changes).suffix(4))
        }
    }
}
