package import Model

/// What gateways say in datagrams: who is there, and the stores' membership messages.
///
/// ```
///   u32 "clfd", u8 version, u8 kind, u16 flags, then the fields of the kind, then the seal
/// ```
/// A version, kind or flag that is not known is `DecodeError.unknown`: it is ignored, not answered.
/// Of the flags the lowest says that a seal (`DatagramSeal`) follows the fields.
package enum Datagram: Equatable, Sendable {
    /// I am here.
    case announce(GatewayIdentity)
    /// I am here; who else is?
    case solicit(GatewayIdentity)
    /// To who asked: I am here.
    case answer(GatewayIdentity)
    case membership(MembershipDatagram)
    /// To one address: who is there, and is it now? Only with a seal; answered whether or not the other
    /// node wants to be found.
    case challenge(GatewayIdentity)

    package static let magic: UInt32 = 0x636C_6664
    package static let version: UInt8 = 1
    package static let sealedFlag: UInt16 = 1

    private enum Kind: UInt8 {
        case announce = 1
        case solicit = 2
        case answer = 3
        case membership = 4
        case challenge = 5
    }

    private var kind: Kind {
        switch self {
        case .announce: .announce
        case .solicit: .solicit
        case .answer: .answer
        case .membership: .membership
        case .challenge: .challenge
        }
    }

    /// Who says it; nil for a membership message, which names its sender alone.
    package var identity: GatewayIdentity? {
        switch self {
        case .announce(let identity), .solicit(let identity), .answer(let identity),
            .challenge(let identity):
            identity
        case .membership: nil
        }
    }

    /// Its bytes without a seal.
    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 256)
        write(into: &writer, isSealed: false)
        return writer.bytes
    }

    func write(into writer: inout ByteWriter, isSealed: Bool) {
        writer.write(Datagram.magic)
        writer.write(Datagram.version)
        writer.write(kind.rawValue)
        writer.write(isSealed ? Datagram.sealedFlag : 0)
        switch self {
        case .announce(let identity), .solicit(let identity), .answer(let identity),
            .challenge(let identity):
            identity.encode(into: &writer)
        case .membership(let message): message.encode(into: &writer)
        }
    }

    /// Reads all but the seal.
    static func read(
        _ reader: inout ByteReader
    ) throws(DecodeError) -> (datagram: Datagram, isSealed: Bool) {
        guard try reader.readUInt32() == magic else { throw .invalid("magic") }
        guard try reader.readUInt8() == version else { throw .unknown("version") }
        guard let kind = Kind(rawValue: try reader.readUInt8()) else { throw .unknown("kind") }
        let flags = try reader.readUInt16()
        guard flags & ~sealedFlag == 0 else { throw .unknown("flags") }
        let isSealed = flags != 0
        switch kind {
        case .announce: return (.announce(try GatewayIdentity(from: &reader)), isSealed)
        case .solicit: return (.solicit(try GatewayIdentity(from: &reader)), isSealed)
        case .answer: return (.answer(try GatewayIdentity(from: &reader)), isSealed)
        case .membership: return (.membership(try MembershipDatagram(from: &reader)), isSealed)
        case .challenge:
            guard isSealed else { throw .invalid("flags") }
            return (.challenge(try GatewayIdentity(from: &reader)), isSealed)
        }
    }
}

/// A membership message of one store for another, as it travels between gateways.
package struct MembershipDatagram: Equatable, Sendable {
    /// Of the cluster's name: what another cluster's nodes say is not for this store.
    package var clusterTag: UInt64
    package var sender: NodeID
    package var message: UInt64
    package var payload: [UInt8]

    package init(clusterTag: UInt64, sender: NodeID, message: UInt64, payload: [UInt8]) {
        self.clusterTag = clusterTag
        self.sender = sender
        self.message = message
        self.payload = payload
    }

    /// FNV-1a of the name's bytes: eight bytes instead of up to 64 in each datagram. Two names of
    /// one tag would be told apart by every connection.
    package static func tag(of cluster: ClusterName) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in cluster.name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }

    func encode(into writer: inout ByteWriter) {
        precondition(
            payload.count <= PeeringLimits.datagramByteCountMax, "a datagram over its limit")
        writer.write(clusterTag)
        writer.writeText(sender.name)
        writer.write(message)
        writer.writeRun(payload)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        clusterTag = try reader.readUInt64()
        sender = try reader.readNode()
        message = try reader.readUInt64()
        payload = try reader.readRun(max: PeeringLimits.datagramByteCountMax)
    }
}
