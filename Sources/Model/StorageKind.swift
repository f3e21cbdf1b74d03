/// How contents lie on a node's disk: `--storage-major`, written into the data directory when it is made.
package enum StorageKind: String, CaseIterable, Sendable {
    /// One file a content, and a browsable view of the tree.
    case rawfile
    /// Append-only segments with an index.
    case extent
    /// Rows of an SQLite database.
    case sqlite
    /// Pages of an LMDB file, the design that bolt ports.
    case bolt

    /// The on-disk versions that this program knows (`--storage-minor`); new directories get the last.
    package var versions: ClosedRange<UInt64> { 1...1 }

    /// For people: `rawfile, extent, sqlite or bolt`.
    package static var list: String {
        let names = allCases.map(\.rawValue)
        return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }
}
