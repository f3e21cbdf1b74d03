package enum LockScope: UInt8, Sendable {
    case exclusive = 1
    case shared = 2
}

/// Whether a lock of a directory also covers everything below it.
package enum LockDepth: UInt8, Sendable {
    case zero = 0
    case infinity = 1
}
