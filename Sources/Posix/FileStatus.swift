internal import CPosix
internal import Glibc

/// What a file is, in fixed sizes. Times are nanoseconds since 1970.
package struct FileStatus: Hashable, Sendable {
    package enum Kind: Sendable {
        case regular
        case directory
        case symbolicLink
        case socket
        case other
    }

    package let kind: Kind
    package let device: UInt64
    package let inode: UInt64
    /// Bytes of content.
    package let size: Int64
    /// Bytes that it takes on the disk.
    package let allocatedSize: Int64
    package let modified: Int64
    /// When content or names changed; no program can set it.
    package let changed: Int64
    /// The permission bits.
    package let mode: UInt32
    package let owner: UInt32
    /// Names of the file.
    package let linkCount: UInt32

    init(_ status: cposix_status) {
        switch status.mode & UInt32(S_IFMT) {
        case UInt32(S_IFREG): kind = .regular
        case UInt32(S_IFDIR): kind = .directory
        case UInt32(S_IFLNK): kind = .symbolicLink
        case UInt32(S_IFSOCK): kind = .socket
        default: kind = .other
        }
        device = status.device
        inode = status.inode
        size = status.size
        allocatedSize = status.blocks * 512
        modified = status.modified
        changed = status.changed
        mode = status.mode & 0o7777
        owner = status.owner
        linkCount = status.links
    }
}
