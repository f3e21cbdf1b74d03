import Foundation

/// The source files of the package, as text.
struct SourceFile {
    /// Relative to the package.
    var path: String
    var lines: [Substring]

    /// `Sources/ROOM/…` → ROOM.
    var room: String { String(path.split(separator: "/")[1]) }
}

enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The files below `folder` whose names end in one of `endings`.
    static func files(below folder: String, endings: [String]) throws -> [SourceFile] {
        let base = root.appending(path: folder)
        let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String }
        return try (names ?? []).sorted()
            .filter { name in endings.contains { name.hasSuffix($0) } }
            .map { name in
                let text = try String(contentsOf: base.appending(path: name), encoding: .utf8)
                return SourceFile(
                    path: "\(folder)/\(name)",
                    lines: text.split(separator: "\n", omittingEmptySubsequences: false))
            }
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
}
