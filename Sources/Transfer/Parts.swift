package import Model

/// A message between stores in parts, as it travels.
package struct MessagePart: Hashable, Sendable {
    /// Grows with each message to one node.
    package var message: UInt64
    /// 0 for the first part.
    package var part: UInt32
    package var isLast: Bool
    package var bytes: [UInt8]

    package init(message: UInt64, part: UInt32, isLast: Bool, bytes: [UInt8]) {
        self.message = message
        self.part = part
        self.isLast = isLast
        self.bytes = bytes
    }

    /// The parts of a message, in order; one of which there is nothing is one empty part.
    package static func parts(of bytes: [UInt8], message: UInt64) -> [MessagePart] {
        let size = TransferLimits.partByteCountMax
        if bytes.count <= size {
            return [MessagePart(message: message, part: 0, isLast: true, bytes: bytes)]
        }
        return stride(from: 0, to: bytes.count, by: size).map { start in
            let end = min(start + size, bytes.count)
            return MessagePart(
                message: message, part: UInt32(start / size), isLast: end == bytes.count,
                bytes: Array(bytes[start..<end]))
        }
    }
}

/// Puts the parts of each node's messages together. A message of which a part is missing is none: a
/// connection broke, and what follows begins anew.
package struct PartAssembler: Sendable {
    private struct Unfinished: Sendable {
        var message: UInt64
        var nextPart: UInt32
        var bytes: [UInt8]
    }

    private var unfinished: [NodeID: Unfinished] = [:]
    private var byteCount = 0
    /// Messages that did not come whole.
    package private(set) var lostCount: UInt64 = 0

    package init() {}

    /// - Returns: the message that is whole with this part.
    package mutating func add(_ part: MessagePart, from node: NodeID) -> [UInt8]? {
        let known = unfinished[node]
        if part.part == 0 {
            drop(node)
            if part.isLast { return part.bytes }
            guard part.bytes.count + byteCount <= TransferLimits.unfinishedByteCountMax else {
                lostCount += 1
                return nil
            }
            unfinished[node] = Unfinished(
                message: part.message, nextPart: 1, bytes: part.bytes)
            byteCount += part.bytes.count
            return nil
        }
        guard var message = known, message.message == part.message,
            message.nextPart == part.part,
            message.bytes.count + part.bytes.count <= TransferLimits.messageByteCountMax,
            byteCount + part.bytes.count <= TransferLimits.unfinishedByteCountMax
        else {
            drop(node)
            return nil
        }
        unfinished[node] = nil
        byteCount -= message.bytes.count
        message.bytes += part.bytes
        if part.isLast { return message.bytes }
        message.nextPart += 1
        byteCount += message.bytes.count
        unfinished[node] = message
        return nil
    }

    private mutating func drop(_ node: NodeID) {
        guard let message = unfinished.removeValue(forKey: node) else { return }
        byteCount -= message.bytes.count
        lostCount += 1
    }
}
