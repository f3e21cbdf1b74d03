package import IPC
package import Model

/// What a frame of a connection between gateways is for. The frame itself is that of `IPC`; its request
/// id is 0 and it has no flags. A number is never reused.
package enum PeerFrameType: UInt16, Sendable, CaseIterable {
    case hello = 1
    case welcome = 2
    case refusal = 3
    /// A part of a message between two stores.
    case part = 4
    /// Nothing to say, and still here.
    case alive = 5
    /// No new message on this connection: finish the one under way, and close.
    case leave = 6
    /// On a bulk connection: bytes of a content, please.
    case fetch = 7
    /// The answer: so many bytes follow the frame, as they are.
    case content = 8
    /// The answer where there is no such content, or not now.
    case unavailable = 9
}

package enum PeerFrame {
    /// A whole frame.
    package static func bytes(_ type: PeerFrameType, _ message: some Message) -> [UInt8] {
        var writer = ByteWriter()
        FrameHeader(payloadByteCount: 0, type: type.rawValue, flags: [], requestID: 0)
            .write(into: &writer)
        message.encode(into: &writer)
        precondition(writer.count <= IPCLimits.frameByteCountMax, "a frame over its limit")
        writer.overwrite(UInt32(writer.count - 4), at: 0)
        return writer.bytes
    }
}

/// `part`: a part of a message between the stores of the two nodes.
package struct LinkPart: Message {
    package var message: UInt64
    package var part: UInt32
    package var isLast: Bool
    package var bytes: [UInt8]

    package init(message: UInt64, part: UInt32, isLast: Bool, bytes: [UInt8]) {
        self.message = message
        self.part = part
        self.isLast = isLast
        self.bytes = bytes
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(message)
        writer.write(part)
        writer.write(isLast)
        writer.writeRun(bytes)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        message = try reader.readUInt64()
        part = try reader.readUInt32()
        isLast = try reader.readBool()
        bytes = try reader.readRun(max: IPCLimits.peerPartByteCountMax)
    }
}
