internal import Model
internal import Posix

/// The kinds.
enum ContentStores {
    /// Makes what a new directory of this kind needs; again where an earlier life did not finish.
    static func prepare(_ kind: StorageKind, in root: borrowing Descriptor) throws {
        switch kind {
        case .rawfile: try RawFiles.prepare(in: root)
        // Its folder and tables are made as it is opened.
        case .extent, .sqlite, .bolt: break
        }
    }

    static func open(_ kind: StorageKind, _ directory: DataDirectory) throws -> any ContentStore {
        switch kind {
        case .rawfile: try RawFiles(directory)
        case .sqlite: try SQLiteContents(directory)
        case .bolt: try BoltContents(directory)
        case .extent: try ExtentContents(directory)
        }
    }
}
