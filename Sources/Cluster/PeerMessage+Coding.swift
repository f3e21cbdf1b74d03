import CRDT
import Membership
package import Model
import Reconciliation
import Replication

// Messages between stores as they travel: version, kind, fields; see docs/PEER.md.
extension PeerMessage {
    /// Of the format; which others a node may say to a peer is in docs/PEER.md.
    package static let version: UInt8 = 1

    /// Why a message has no bytes.
    package enum EncodeError: Error, Equatable, Sendable {
        /// It is, or answers, what only a node's own work asks for (`ReplicaRequest.isForPeers`).
        case ownWork
        /// Above `WireLimits.messageByteCountMax`.
        case tooLarge
    }

    /// - Throws: `EncodeError` for what never travels, and for what would be too much to decode.
    package func encode() throws(EncodeError) -> [UInt8] {
        var writer = ByteWriter(capacity: 512)
        writer.write(PeerMessage.version)
        switch self {
        case .membership(let message):
            writer.write(UInt8(1))
            var inner = ByteWriter(capacity: 512)
            message.encode(into: &inner)
            writer.writeRun(inner.bytes)
        case .gossip(let message):
            writer.write(UInt8(2))
            var inner = ByteWriter(capacity: 512)
            message.encode(into: &inner)
            writer.writeRun(inner.bytes)
        case .request(let request):
            writer.write(UInt8(3))
            guard request.encode(into: &writer) else { throw .ownWork }
        case .reply(let reply):
            writer.write(UInt8(4))
            guard reply.encode(into: &writer) else { throw .ownWork }
        case .tell(let request):
            writer.write(UInt8(5))
            guard request.encode(into: &writer) else { throw .ownWork }
        case .watch: writer.write(UInt8(6))
        case .changed(let changes):
            writer.write(UInt8(7))
            writer.write(changes)
        }
        guard writer.count <= WireLimits.messageByteCountMax else { throw .tooLarge }
        return writer.bytes
    }

    /// - Throws: `DecodeError` for anything but one whole message.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        guard bytes.byteCount <= WireLimits.messageByteCountMax else { throw .invalid("length") }
        var reader = ByteReader(bytes)
        guard try reader.readUInt8() == PeerMessage.version else { throw .unknown("version") }
        switch try reader.readUInt8() {
        case 1:
            let run = try reader.readRunSpan(max: WireLimits.messageByteCountMax)
            self = .membership(try SwimMessage(decoding: run))
        case 2:
            let run = try reader.readRunSpan(max: WireLimits.messageByteCountMax)
            self = .gossip(try GossipMessage(decoding: run))
        case 3: self = .request(try PeerRequest(from: &reader))
        case 4: self = .reply(try PeerReply(from: &reader))
        case 5: self = .tell(try ReplicaRequest(from: &reader))
        case 6: self = .watch
        case 7: self = .changed(try reader.readList(max: ClusterLimits.changesMax))
        default: throw .unknown("message kind")
        }
        try reader.finish()
    }
}

extension PeerRequest {
    func encode(into writer: inout ByteWriter) -> Bool {
        writer.write(id)
        writer.write(layouts != nil)
        if let layouts { writer.write(layouts) }
        switch body {
        case .replica(let request):
            writer.write(UInt8(1))
            return request.encode(into: &writer)
        case .forward(let request, let isRepeat, let sentAt):
            writer.write(UInt8(2))
            writer.write(isRepeat)
            writer.write(sentAt)
            return request.encode(into: &writer)
        case .isWanted(let id):
            writer.write(UInt8(3))
            writer.write(id)
        case .establish: writer.write(UInt8(4))
        case .partitionsHeldBy(let node):
            writer.write(UInt8(5))
            writer.write(node)
        case .reconcile(let request):
            writer.write(UInt8(6))
            writer.writeRun(request.encode())
        case .epoch(let disk):
            writer.write(UInt8(7))
            writer.write(disk)
        }
        return true
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        let id = try reader.readUInt64()
        let layouts: LayoutID? = try reader.readBool() ? try reader.readIdentifier() : nil
        self.init(id: id, layouts: layouts, body: try Body(from: &reader))
    }
}

extension PeerRequest.Body {
    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1: self = .replica(try ReplicaRequest(from: &reader))
        case 2:
            let isRepeat = try reader.readBool()
            let sentAt = try reader.readUInt64()
            self = .forward(
                try ClientRequest(from: &reader), isRepeat: isRepeat, sentAt: sentAt)
        case 3: self = .isWanted(try reader.readUInt64())
        case 4: self = .establish
        case 5: self = .partitionsHeldBy(try reader.read())
        case 6:
            let run = try reader.readRunSpan(max: WireLimits.messageByteCountMax)
            self = .reconcile(try ReconciliationRequest(decoding: run))
        case 7: self = .epoch(of: try reader.readIdentifier())
        default: throw .unknown("request")
        }
    }
}

extension PeerReply {
    func encode(into writer: inout ByteWriter) -> Bool {
        writer.write(id)
        writer.write(disk)
        switch body {
        case .replica(let reply):
            writer.write(UInt8(1))
            return reply.encode(into: &writer)
        case .client(let answer):
            writer.write(UInt8(2))
            return answer.encode(into: &writer)
        case .partitions(let sums, let declared):
            writer.write(UInt8(3))
            writer.write(sums)
            writer.write(UInt32(declared.count))
            for layout in declared { writer.write(layout) }
        case .reconciled(let reply):
            writer.write(UInt8(4))
            writer.writeRun(reply.encode())
        case .done: writer.write(UInt8(5))
        case .layoutsDiffer: writer.write(UInt8(6))
        case .notReady: writer.write(UInt8(7))
        case .epoch(let epoch, let isInformed):
            writer.write(UInt8(8))
            writer.write(epoch != nil)
            if let epoch { writer.write(epoch) }
            writer.write(isInformed)
        }
        return true
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            id: try reader.readUInt64(), disk: try reader.readIdentifier(),
            body: try Body(from: &reader))
    }
}

extension PeerReply.Body {
    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1: self = .replica(try ReplicaReply(from: &reader))
        case 2: self = .client(try ClientAnswer(from: &reader))
        case 3:
            let sums: [PartitionSum] = try reader.readList(max: Partition.count)
            let count = Int(try reader.readUInt32())
            guard count <= reader.remaining / 16 else { throw .truncated }
            var declared: [LayoutID] = []
            declared.reserveCapacity(count)
            for _ in 0..<count { declared.append(try reader.readIdentifier()) }
            self = .partitions(sums, declared: declared)
        case 4:
            let run = try reader.readRunSpan(max: WireLimits.messageByteCountMax)
            self = .reconciled(try ReconciliationReply(decoding: run))
        case 5: self = .done
        case 6: self = .layoutsDiffer
        case 7: self = .notReady
        case 8:
            let epoch = try reader.readBool() ? try reader.readNumber() : nil
            self = .epoch(epoch, isInformed: try reader.readBool())
        default: throw .unknown("reply")
        }
    }
}
