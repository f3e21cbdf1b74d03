internal import NIOCore
internal import NIOSSL
internal import PeerKeys
internal import Peering
internal import Synchronization

/// Connections between gateways that have the cluster key: both sides prove it, and all that follows is
/// encrypted with keys that nobody can find out later, not even with the cluster key.
///
/// TLS 1.2 with a pre-shared key, since BoringSSL has none of those of TLS 1.3, and one suite alone:
/// elliptic curves for forward secrecy, and authenticated encryption.
struct PeerTLS: Sendable {
    private let keys: PeerKeys
    /// Names the key, so that two sides with different ones can say so instead of a broken record.
    private let identity: String

    private static let identityPrefix = "clusterf-1-"

    init(_ keys: PeerKeys) {
        self.keys = keys
        identity = PeerTLS.identityPrefix + String(keys.id, radix: 16)
    }

    /// What the other side of one connection named as its key.
    final class Seen: Sendable {
        private let named = Mutex<String?>(nil)

        fileprivate func name(_ identity: String?) { named.withLock { $0 = identity } }
        fileprivate var identity: String? { named.withLock { $0 } }
    }

    /// Whether the other side has a cluster key, and not this one.
    func isOther(_ seen: Seen) -> Bool {
        guard let named = seen.identity else { return false }
        return named.hasPrefix(PeerTLS.identityPrefix) && named != identity
    }

    func makeDialer(_ seen: Seen) throws -> NIOSSLClientHandler {
        var configuration = PeerTLS.configuration
        let (key, identity) = (keys.linkKey, identity)
        configuration.pskClientProvider = { context in
            seen.name(context.hint)
            return PSKClientIdentityResponse(key: NIOSSLSecureBytes(key), identity: identity)
        }
        return try NIOSSLClientHandler(
            context: try NIOSSLContext(configuration: configuration), serverHostname: nil)
    }

    func makeAcceptor(_ seen: Seen) throws -> NIOSSLServerHandler {
        var configuration = PeerTLS.configuration
        let (key, identity) = (keys.linkKey, identity)
        configuration.pskHint = identity
        configuration.pskServerProvider = { context in
            seen.name(context.clientIdentity)
            guard context.clientIdentity == identity else { throw OtherKey() }
            return PSKServerIdentityResponse(key: NIOSSLSecureBytes(key))
        }
        return NIOSSLServerHandler(context: try NIOSSLContext(configuration: configuration))
    }

    private struct OtherKey: Error {}

    private static var configuration: TLSConfiguration {
        var configuration = TLSConfiguration.makePreSharedKeyConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.maximumTLSVersion = .tlsv12
        configuration.cipherSuites = "ECDHE-PSK-CHACHA20-POLY1305"
        configuration.shutdownTimeout = .milliseconds(GatewayLimits.peerCloseMilliseconds)
        return configuration
    }
}
