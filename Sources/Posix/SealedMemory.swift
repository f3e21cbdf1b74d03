internal import CPosix

/// Bytes as an open file, for another process: memory that nobody can change any more.
package enum SealedMemory {
    /// - Throws: `ENOMEM` or `ENOSPC` where memory is short.
    package static func make(_ bytes: [UInt8]) throws(PosixError) -> Descriptor {
        let raw = unsafe bytes.withUnsafeBytes { buffer in
            unsafe cposix_sealed_memory(buffer.baseAddress, buffer.count)
        }
        return Descriptor(owning: try checked("memfd_create", raw))
    }
}
