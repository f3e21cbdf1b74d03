package import Model

/// What gateways say in datagrams: who is there, and the stores' membership messages.
///
/// ```
///   u32 "clfd", u8 version, u8 kind, u16 flags, then the fields of the kind
/// ```
/// A version, kind or flag that is not known is `DecodeError.unknown`: it is ignored, not answered.
/// The flags are all unused; one of them will say that an authentication follows the fields.
package enum Datagram: Equatable, Sendable {
    /// I am here.
    case announce(GatewayIdentity)
    /// I am here; who else is?
    case solicit(GatewayIdentity)
    /// To who asked: I am here.
    case answer(GatewayIdentity)
    case membership(MembershipDatagram)

    package static let magic: UInt32 = 0x636C_6664
    package static let version: UInt8 = 1

    private enum Kind: UInt8 {
        case announce = 1
        case solicit = 2
        case answer = 3
        case membership = 4
    }

    package var bytes: [UInt8] {
        switch self {
        case .announce(let identity): Datagram.encode(.announce) { identity.encode(into: &$0) }
        case .solicit(let identity): Datagram.encode(.solicit) { identity.encode(into: &$0) }
        case .answer(let identity): Datagram.encode(.answer) { identity.encode(into: &$0) }
        case .membership(let message):
            Datagram.encode(.membership) { message.encode(into: &$0) }
        }
    }

    private static func encode(_ kind: Kind, _ fields: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter(capacity: 256)
        writer.write(magic)
        writer.write(version)
        writer.write(kind.rawValue)
        writer.write(UInt16(0))
        fields(&writer)
        return writer.bytes
    }

    /// - Throws: `DecodeError.unknown` for what a newer gateway may have meant; any other error for
    ///   bytes that are no datagram of gateways.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        var reader = ByteReader(bytes)
        guard try reader.readUInt32() == Datagram.magic else { throw .invalid("magic") }
        guard try reader.readUInt8() == Datagram.version else { throw .unknown("version") }
        guard let kind = Kind(rawValue: try reader.readUInt8()) else { throw .unknown("kind") }
        guard try reader.readUInt16() == 0 else { throw .unknown("flags") }
        switch kind {
        case .announce: self = .announce(try GatewayIdentity(from: &reader))
        case .solicit: self = .solicit(try GatewayIdentity(from: &reader))
        case .answer: self = .answer(try GatewayIdentity(from: &reader))
        case .membership: self = .membership(try MembershipDatagram(from: &reader))
        }
        try reader.finish()
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
