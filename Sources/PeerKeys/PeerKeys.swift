internal import Crypto
package import Model
package import Peering

/// What a cluster's key is used for: each use has a key of its own, derived by HKDF (RFC 5869), so
/// that what one of them gives away is of no use to another.
package struct PeerKeys: Sendable {
    /// Which key it is, for those who have another one: it says nothing of the key itself.
    package let id: UInt64
    /// The pre-shared key of TLS.
    package let linkKey: [UInt8]
    /// Makes and checks the codes of datagrams.
    package let authenticator: PeerAuthenticator

    package init(_ key: ClusterKey) {
        let purposes = [PeerAuthenticator.Purpose.discovery, .membership, .nonce].map {
            PeerKeys.derive(key, "datagrams \($0.rawValue)", byteCount: 32)
        }
        let id = PeerKeys.bytes(PeerKeys.derive(key, "id", byteCount: 8))
            .reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        self.id = id
        linkKey = PeerKeys.bytes(PeerKeys.derive(key, "links", byteCount: 32))
        authenticator = PeerAuthenticator(
            keyID: id,
            code: { bytes, purpose in
                [UInt8](
                    HMAC<SHA256>.authenticationCode(for: bytes, using: purposes[purpose.index]))
            },
            isCode: { code, bytes, purpose in
                // In a time that does not tell how much of it is right.
                HMAC<SHA256>.isValidAuthenticationCode(
                    code, authenticating: bytes, using: purposes[purpose.index])
            })
    }

    /// - Parameter purpose: a new one for each new meaning or format of what is made with the key.
    private static func derive(
        _ key: ClusterKey, _ purpose: String, byteCount: Int
    ) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: key.bytes),
            info: [UInt8]("clusterf 1 \(purpose)".utf8),
            outputByteCount: byteCount)
    }

    private static func bytes(_ key: SymmetricKey) -> [UInt8] {
        unsafe key.withUnsafeBytes { unsafe [UInt8]($0) }
    }
}

extension PeerAuthenticator.Purpose {
    fileprivate var index: Int {
        switch self {
        case .discovery: 0
        case .membership: 1
        case .nonce: 2
        }
    }
}
