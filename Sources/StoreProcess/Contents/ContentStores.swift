internal import Model
internal import Posix

/// The kinds.
enum ContentStores {
    /// Makes what a new directory of this kind needs; again where an earlier life did not finish.
    static func prepare(_ kind: StorageKind, in root: borrowing Descriptor) throws {
        switch kind {
        case .rawfile: try RawFiles.prepare(in: root)
        case .extent, .sqlite, .bolt: throw PermanentFailure("\(kind.rawValue) is not there yet")
        }
    }

    static func open(_ kind: StorageKind, _ directory: DataDirectory) throws -> any ContentStore {
        switch kind {
        case .rawfile: try RawFiles(directory)
        case .extent, .sqlite, .bolt: throw PermanentFailure("\(kind.rawValue) is not there yet")
        }
    }
}
