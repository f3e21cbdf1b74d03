import Model
import Replication

/// After quiet a listing names what is there and nothing else: files by their records, directories
/// where they are marked or something is in them. A file whose name a directory has is listed, and
/// found, by the name beside it on every node.
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
        return violations + besideDirectories(final)
    }

    private static func besideDirectories(_ final: FinalState) -> [Violation] {
        final.reads.compactMap { read in
            guard let dot = read.beside else { return nil }
            if case .read(_, let version) = read.outcome, version.dot == dot { return nil }
            return Violation(
                name, at: final.time,
                "\(HostName.text(read.host)) does not find \(read.path) beside the directory, as"
                    + " \(dot.shortText)")
        }
    }

    /// By directory, in the order of `marks`: its names in order, or nil where it does not exist.
    private static func expectedListings(
        _ final: FinalState
    ) -> [[OperationRecord.ListedName]?] {
        let directories = final.marks.map(\.path)
        let live = final.files.filter(\.isLive)
        let existing = final.directories
        let exists = directories.map { existing.contains($0) }
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
                if existing.contains(file.path), let dot = file.head?.dot {
                    name = ConflictName(of: name, at: dot).bytes
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
