import Model
import Replication

/// After quiet a listing names what is there and nothing else: files by their records, directories
/// where they are marked or something is in them.
enum ListingsEqualRecords {
    static let name = "ListingsEqualRecords"

    static func check(_ final: FinalState) -> [Violation] {
        let expected = expectedListings(final)
        var violations: [Violation] = []
        for read in final.reads where read.isListing {
            guard let number = final.marks.firstIndex(where: { $0.path == read.path }) else {
                continue
            }
            let names = expected[number]
            let found: [OperationRecord.ListedName]?
            switch read.outcome {
            case .listed(let list): found = list
            case .notFound: found = nil
            default:
                violations.append(
                    Violation(
                        name, at: final.time,
                        "\(HostName.text(read.host)) does not list \(read.path) after quiet"))
                continue
            }
            if found == names { continue }
            violations.append(
                Violation(
                    name, at: final.time,
                    "\(HostName.text(read.host)) lists \(read.path) as \(text(found)); there is"
                        + " \(text(names))"))
        }
        return violations
    }

    /// By directory, in the order of `marks`: its names in order, or nil where it does not exist.
    private static func expectedListings(
        _ final: FinalState
    ) -> [[OperationRecord.ListedName]?] {
        let directories = final.marks.map(\.path)
        let live = final.files.filter(\.isLive)
        let exists = final.marks.map { mark in
            mark.path.isRoot || mark.head?.value == .mark
                || live.contains { $0.path.isBelow(mark.path) }
                || final.marks.contains { $0.head?.value == .mark && $0.path.isBelow(mark.path) }
        }
        return directories.indices.map { index in
            guard exists[index] else { return nil }
            let directory = directories[index]
            var names: [OperationRecord.ListedName] = []
            for child in directories.indices
            where exists[child] && directories[child].parent == directory {
                names.append(.init(name: Array(directories[child].name), isDirectory: true))
            }
            for file in live where file.path.parent == directory {
                var name = Array(file.path.name)
                let isShadowed = directories.indices.contains {
                    exists[$0] && directories[$0] == file.path
                }
                if isShadowed, let version = file.head?.version {
                    name += Array(".conflict-\(version.name)".utf8)
                }
                names.append(.init(name: name, isDirectory: false))
            }
            return names.sorted { $0.name.lexicographicallyPrecedes($1.name) }
        }
    }

    private static func text(_ names: [OperationRecord.ListedName]?) -> String {
        guard let names else { return "no directory" }
        let words = names.map {
            String(decoding: $0.name, as: UTF8.self) + ($0.isDirectory ? "/" : "")
        }
        return "[" + words.joined(separator: " ") + "]"
    }
}
