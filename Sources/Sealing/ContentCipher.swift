internal import Crypto
internal import Model

/// Seals and opens the chunks of one content: the STREAM construction (Hoang, Reyhanitabar, Rogaway,
/// Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015) over
/// AES-256-GCM.
///
/// The key is the content's own, so that the nonce needs only to tell its chunks apart: it is the
/// chunk's number and whether it is the last one. A chunk that was moved, a content that was cut off or
/// one that was lengthened has another nonce, and does not open.
struct ContentCipher: Sendable {
    let header: ContentHeader
    private let context: [UInt8]
    private let key: SymmetricKey

    init(_ header: ContentHeader, _ dataKey: DataKey) {
        self.init(
            header,
            key: dataKey.derived("content 1", salt: header.salt, context: header.object.bytes))
    }

    private init(_ header: ContentHeader, key: SymmetricKey) {
        self.header = header
        context = header.bytes
        self.key = key
    }

    init(_ key: ContentKey) throws(SealError) {
        guard key.key.count == SealingLimits.keyByteCount else { throw .notAuthentic }
        self.init(try ContentHeader(key.header), key: SymmetricKey(data: key.key))
    }

    var contentKey: ContentKey {
        ContentKey(
            header: context, key: unsafe key.withUnsafeBytes { unsafe [UInt8]($0) })
    }

    private var tagByteCount: Int { SealingLimits.tagByteCount }

    private func nonce(_ chunk: UInt32, isLast: Bool) -> AES.GCM.Nonce {
        var bytes = [UInt8](repeating: 0, count: SealingLimits.nonceByteCount)
        for index in 0..<4 {
            bytes[7 + index] = UInt8(truncatingIfNeeded: chunk >> UInt32(24 - 8 * index))
        }
        bytes[11] = isLast ? 1 : 0
        return AEAD.nonce(bytes)
    }

    /// Appends the sealed form of `bytes` to `out`.
    func seal(_ bytes: ArraySlice<UInt8>, chunk: UInt32, isLast: Bool, into out: inout [UInt8]) {
        let start = out.count
        out.append(contentsOf: repeatElement(0, count: bytes.count + tagByteCount))
        unsafe bytes.withUnsafeBytes { plain in
            unsafe out.withUnsafeMutableBytes { out in
                let sealed = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: out[start..<start + plain.count])
                let tag = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: out[(start + plain.count)...])
                unsafe AEAD.seal(
                    plain, into: sealed, tag: tag, key, nonce: nonce(chunk, isLast: isLast),
                    authenticating: context)
            }
        }
    }

    /// Appends what `sealed`, a chunk and its tag, holds to `out`; false where it is not authentic.
    func open(
        _ sealed: ArraySlice<UInt8>, chunk: UInt32, isLast: Bool, into out: inout [UInt8]
    ) -> Bool {
        let count = sealed.count - tagByteCount
        guard count >= 0 else { return false }
        let start = out.count
        out.append(contentsOf: repeatElement(0, count: count))
        let isAuthentic = unsafe sealed.withUnsafeBytes { sealed in
            unsafe out.withUnsafeMutableBytes { out in
                unsafe AEAD.open(
                    UnsafeRawBufferPointer(rebasing: sealed[..<count]),
                    tag: UnsafeRawBufferPointer(rebasing: sealed[count...]),
                    into: UnsafeMutableRawBufferPointer(rebasing: out[start...]), key,
                    nonce: nonce(chunk, isLast: isLast), authenticating: context)
            }
        }
        if !isAuthentic { out.removeLast(count) }
        return isAuthentic
    }
}
