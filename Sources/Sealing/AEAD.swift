internal import Crypto
internal import FoundationEssentials

/// AES-256-GCM (NIST SP 800-38D) over bytes that are somewhere in memory.
enum AEAD {
    /// Seals `plain` into `sealed`, of the same count, and `tag`, of 16 bytes.
    static func seal(
        _ plain: UnsafeRawBufferPointer, into sealed: UnsafeMutableRawBufferPointer,
        tag: UnsafeMutableRawBufferPointer, _ key: SymmetricKey, nonce: AES.GCM.Nonce,
        authenticating context: [UInt8]
    ) {
        do {
            let box = try unsafe AES.GCM.seal(
                plain, using: key, nonce: nonce, authenticating: context)
            unsafe _ = box.ciphertext.copyBytes(to: sealed)
            unsafe _ = box.tag.copyBytes(to: tag)
        } catch {
            // It fails for keys and lengths that do not occur here, and without memory.
            preconditionFailure("AES-GCM: \(error)")
        }
    }

    /// Opens `sealed` into `plain`, of the same count; false where it is not authentic, and `plain` is
    /// untouched.
    static func open(
        _ sealed: UnsafeRawBufferPointer, tag: UnsafeRawBufferPointer,
        into plain: UnsafeMutableRawBufferPointer, _ key: SymmetricKey, nonce: AES.GCM.Nonce,
        authenticating context: [UInt8]
    ) -> Bool {
        do {
            let box = try unsafe AES.GCM.SealedBox(nonce: nonce, ciphertext: sealed, tag: tag)
            let opened = try AES.GCM.open(box, using: key, authenticating: context)
            unsafe _ = opened.copyBytes(to: plain)
            return true
        } catch {
            return false
        }
    }

    /// - Parameter bytes: 12 of them.
    static func nonce(_ bytes: [UInt8]) -> AES.GCM.Nonce {
        do {
            return try AES.GCM.Nonce(data: bytes)
        } catch {
            preconditionFailure("a nonce of \(bytes.count) bytes")
        }
    }
}
