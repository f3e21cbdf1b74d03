internal import IPC
internal import IPCTransport
internal import Model

/// The links of gateways that carry what peers say. During a seamless restart there are two: what is
/// for peers goes to the newer one.
struct Carriers {
    private struct Carrier {
        let link: Link
        let generation: UInt64
        let addresses: [PeerAddress]
    }

    private var carriers: [ObjectIdentifier: Carrier] = [:]
    /// Messages that were dropped since no gateway took them.
    private(set) var droppedCount: UInt64 = 0

    var isEmpty: Bool { carriers.isEmpty }

    private var current: Carrier? {
        carriers.values.max { $0.generation < $1.generation }
    }

    /// Where peers reach this node.
    var addresses: [PeerAddress] { current?.addresses ?? [] }

    mutating func attach(_ link: Link, _ message: PeersAttached) {
        carriers[ObjectIdentifier(link)] = Carrier(
            link: link, generation: message.generation, addresses: message.addresses)
    }

    /// - Returns: whether it was one.
    mutating func detach(_ link: Link) -> Bool {
        carriers.removeValue(forKey: ObjectIdentifier(link)) != nil
    }

    /// - Returns: false where it is lost: there is no gateway, or it does not read.
    mutating func send(_ message: some Message, _ type: MessageType) -> Bool {
        guard let link = current?.link, link.isEstablished,
            link.pendingByteCount < StoreLimits.carrierByteCountMax
        else {
            droppedCount += 1
            return false
        }
        link.notify(message, type: type)
        return true
    }
}
