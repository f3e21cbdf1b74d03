package import IPC
package import Posix

/// Why a link ended.
package enum LinkEnd: Sendable, Equatable {
    /// This side closed it.
    case local
    /// The other side closed it, or its process ended.
    case byPeer
    /// The other side does not want it, and says why.
    case refused(String)
    /// The other side broke the protocol.
    case fault(Session.Fault)
    /// An announced descriptor was not there, or not the one announced.
    case descriptorMissing(requestID: UInt64)
    /// The handshake, or the descriptor socket, did not come in time.
    case handshakeTimedOut
    /// The other side does not read: too much waits for it.
    case pendingLimit
    /// A socket failed.
    case failed(PosixError)
}

extension LinkEnd: CustomStringConvertible {
    package var description: String {
        switch self {
        case .local: "closed here"
        case .byPeer: "closed by the peer"
        case .refused(let reason): "refused: \(reason)"
        case .fault(let fault): "protocol fault: \(fault)"
        case .descriptorMissing(let id): "no descriptor for request \(id)"
        case .handshakeTimedOut: "no handshake in time"
        case .pendingLimit: "the peer does not read"
        case .failed(let error): "\(error)"
        }
    }
}
