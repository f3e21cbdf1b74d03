/// The cluster key as the core uses it: who can make a code has the key. The shell gives it; this room
/// computes nothing of the kind itself.
package struct PeerAuthenticator: Sendable {
    /// What a code is for; a code of one is none of another.
    package enum Purpose: String, Sendable, CaseIterable {
        case discovery
        case membership
        /// Numbers that nobody without the key can foresee.
        case nonce
    }

    /// Of a code: HMAC-SHA256.
    package static let codeByteCount = 32

    /// Tells this key from others; no secret.
    package let keyID: UInt64
    /// The code of these bytes.
    package let code: @Sendable (_ bytes: [UInt8], Purpose) -> [UInt8]
    /// Whether a code is that of these bytes.
    package let isCode: @Sendable (_ code: [UInt8], _ bytes: [UInt8], Purpose) -> Bool

    package init(
        keyID: UInt64, code: @escaping @Sendable ([UInt8], Purpose) -> [UInt8],
        isCode: @escaping @Sendable ([UInt8], [UInt8], Purpose) -> Bool
    ) {
        self.keyID = keyID
        self.code = code
        self.isCode = isCode
    }
}
