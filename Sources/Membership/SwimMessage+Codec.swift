package import Model

// Bytes: version, kind, the body's fields, the sender, its clock, the updates.
extension SwimMessage {
    package static let version: UInt8 = 1

    package func encode(into writer: inout ByteWriter) {
        writer.write(SwimMessage.version)
        switch body {
        case .ping(let sequence):
            writer.write(UInt8(1))
            writer.write(sequence)
        case .ack(let sequence, let isRestarting):
            writer.write(UInt8(2))
            writer.write(sequence)
            writer.write(isRestarting)
        case .pingRequest(let sequence, let target):
            writer.write(UInt8(3))
            writer.write(sequence)
            writer.writeText(target.name)
        case .nack(let sequence):
            writer.write(UInt8(4))
            writer.write(sequence)
        case .table(let sum, let wants):
            writer.write(UInt8(5))
            writer.write(sum.high)
            writer.write(sum.low)
            writer.write(wants)
        case .page: writer.write(UInt8(6))
        case .updates: writer.write(UInt8(7))
        }
        sender.encode(into: &writer)
        writer.write(wallMilliseconds)
        writer.write(UInt16(updates.count))
        for update in updates { update.encode(into: &writer) }
    }

    /// - Throws: `DecodeError` for anything but one whole message.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        guard bytes.byteCount <= MembershipLimits.datagramByteCountMax else {
            throw .invalid("datagram length")
        }
        var reader = ByteReader(bytes)
        guard try reader.readUInt8() == SwimMessage.version else { throw .unknown("version") }
        switch try reader.readUInt8() {
        case 1: body = .ping(sequence: try reader.readUInt64())
        case 2:
            body = .ack(sequence: try reader.readUInt64(), isRestarting: try reader.readBool())
        case 3:
            body = .pingRequest(
                sequence: try reader.readUInt64(), target: try reader.readNodeID())
        case 4: body = .nack(sequence: try reader.readUInt64())
        case 5:
            let sum = Fingerprint(high: try reader.readUInt64(), low: try reader.readUInt64())
            body = .table(sum: sum, wants: try reader.readBool())
        case 6: body = .page
        case 7: body = .updates
        default: throw .unknown("message kind")
        }
        sender = try PeerUpdate(from: &reader)
        wallMilliseconds = try reader.readUInt64()
        let count = Int(try reader.readUInt16())
        updates = []
        for _ in 0..<count { updates.append(try PeerUpdate(from: &reader)) }
        try reader.finish()
    }
}

extension PeerUpdate {
    func encode(into writer: inout ByteWriter) {
        writer.writeText(node.name)
        writer.write(disk)
        writer.write(incarnation)
        writer.write(state.rawValue)
        writer.writeText(witness?.name ?? "")
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        node = try reader.readNodeID()
        disk = try reader.readIdentifier()
        incarnation = try reader.readUInt64()
        guard let state = PeerState(rawValue: try reader.readUInt8()) else {
            throw .unknown("peer state")
        }
        self.state = state
        let name = try reader.readText(max: NodeID.byteCountMax)
        witness = nil
        if !name.isEmpty {
            guard let node = NodeID(name) else { throw .invalid("node id") }
            witness = node
        }
    }
}

extension ByteReader {
    mutating func readNodeID() throws(DecodeError) -> NodeID {
        guard let node = NodeID(try readText(max: NodeID.byteCountMax)) else {
            throw .invalid("node id")
        }
        return node
    }
}
