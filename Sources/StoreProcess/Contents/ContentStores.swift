internal import Model
internal import Posix

/// The kinds.
enum ContentStores {
    /// Makes what a new directory of this kind needs; again where an earlier life did not finish.
    static func prepare(_ kind: StorageKind, in root: borrowing Descriptor) throws {
        switch kind {
        case .rawfile: try RawFiles.prepare(in: root)
        // What is in it is made as it is opened.
        case .extent, .sqlite, .bolt: _ = try DataDirectory.part(kind.folder, of: root)
        }
    }

    static func open(
        _ kind: StorageKind, _ directory: DataDirectory, isReadOnly: Bool = false
    ) throws -> any ContentStore {
        switch kind {
        case .rawfile: try RawFiles(directory)
        case .extent: try ExtentContents(directory, isReadOnly: isReadOnly)
        case .sqlite: try SQLiteContents(directory, isReadOnly: isReadOnly)
        case .bolt: try BoltContents(directory, isReadOnly: isReadOnly)
        }
    }
}

extension StorageKind {
    /// Of those that have a single one.
    fileprivate var folder: BytePath { BytePath(rawValue) }
}
