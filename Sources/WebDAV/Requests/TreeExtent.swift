package import Model

/// What of a tree decides whether there is room for it at another place, which is to be known before what is
/// there is deleted for it.
package struct TreeExtent: Hashable, Sendable {
    private let root: StorePath
    /// Of all its files.
    package private(set) var byteCount: UInt64 = 0
    /// Of the longest path in it, behind that of its root.
    private var longestByteCount = 0

    package init(of root: StorePath) { self.root = root }

    /// Counts a member, or the root itself where it is a file.
    ///
    /// - Parameters:
    ///   - collection: the root, or one below it.
    ///   - name: nil for the root.
    package mutating func add(_ name: [UInt8]?, in collection: StorePath, byteCount: UInt64) {
        let (sum, overflows) = self.byteCount.addingReportingOverflow(byteCount)
        self.byteCount = overflows ? .max : sum
        guard let name else { return }
        let behind = collection.directoryPrefix.count + name.count - root.bytes.count
        longestByteCount = max(longestByteCount, behind)
    }

    /// - Throws: 400 where a path in it would be too long at `target`, as it is of one that a client names.
    package func checkPaths(at target: StorePath) throws(DAVFault) {
        guard target.bytes.count + longestByteCount <= StorePath.byteCountMax else {
            throw DAVFault(.badRequest, "A path in the collection would be too long there.")
        }
    }

    /// - Parameters:
    ///   - left: bytes that may be added where it goes.
    ///   - freed: of what is deleted there for it.
    /// - Throws: 507 with quota-not-exceeded (RFC 4331 section 6).
    package func checkRoom(left: UInt64, freed: UInt64) throws(DAVFault) {
        let (room, overflows) = left.addingReportingOverflow(freed)
        guard overflows || byteCount <= room else {
            throw DAVFault(
                .insufficientStorage, "The quota has no room for it.", condition: .quotaNotExceeded)
        }
    }
}
