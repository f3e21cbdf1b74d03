internal import Glibc
internal import Model
internal import Posix

/// Removes a folder with all that is in it, one level of names in memory at a time.
struct FolderRemoval {
    /// Files with a single name stay, and so do the folders above them: names of the view are further
    /// names of objects.
    let keepsStrangers: Bool

    /// - Returns: false where something stays.
    func remove(_ name: BytePath, in parent: borrowing Descriptor) throws -> Bool {
        guard try Directory.status(of: name, in: parent) != nil else { return true }
        let top = try Directory.open(name, in: parent, [.readOnly, .directory, .noFollow])
        guard try empty(BytePath("."), of: top) else { return false }
        try Directory.remove(name, in: parent, isDirectory: true)
        return true
    }

    /// Only one folder is open at a time, however deep they lie.
    private func empty(_ path: BytePath, of top: borrowing Descriptor) throws -> Bool {
        let entries = try {
            let folder = try Directory.openBeneath(path, in: top, [.readOnly, .directory])
            return try Directory.entries(of: folder)
        }()
        var isEmpty = true
        for entry in entries {
            let inner = path.appending(entry.name)
            guard let status = try Directory.status(of: inner, in: top) else { continue }
            switch status.kind {
            case .directory:
                if try empty(inner, of: top) {
                    try Directory.remove(inner, in: top, isDirectory: true)
                } else {
                    isEmpty = false
                }
            case .regular where !keepsStrangers || status.linkCount > 1:
                try Directory.remove(inner, in: top)
            default:
                if keepsStrangers { isEmpty = false } else { try Directory.remove(inner, in: top) }
            }
        }
        return isEmpty
    }
}
