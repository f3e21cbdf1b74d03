/// The name of a node: letters, digits, `.`, `_`, `-`, 1 to 64 of them, not starting with a dot
/// (it names a directory below the data directory).
package struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let name: String

    package static let byteCountMax = 64

    package init?(_ name: String) {
        guard (1...NodeID.byteCountMax).contains(name.utf8.count), name.utf8.first != 0x2E else {
            return nil
        }
        for byte in name.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2E, 0x5F, 0x2D: continue
            default: return nil
            }
        }
        self.name = name
    }

    package var description: String { name }

    /// By bytes (names are ASCII, where Swift's order of strings is that of the bytes).
    package static func < (a: NodeID, b: NodeID) -> Bool { a.name < b.name }
}
