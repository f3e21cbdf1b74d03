package import Model

/// What stands in a frame's payload. Fields have a fixed order and explicit sizes; new ones are
/// only appended, and a decoder gives a missing tail its default.
package protocol Message: Equatable, Sendable {
    func encode(into writer: inout ByteWriter)
    init(from reader: inout ByteReader) throws(DecodeError)
}

extension Message {
    /// The message that `payload` holds, all of it.
    /// - Throws: `DecodeError`, also where bytes are left.
    package init(decoding payload: RawSpan) throws(DecodeError) {
        var reader = ByteReader(payload)
        try self.init(from: &reader)
        try reader.finish()
    }
}

/// A message without fields.
package struct Empty: Message {
    package init() {}
    package func encode(into writer: inout ByteWriter) {}
    package init(from reader: inout ByteReader) throws(DecodeError) {}
}

/// Writes whole frames.
package enum FrameWriter {
    /// Appends one frame to `writer`.
    ///
    /// - Precondition: the frame stays within `IPCLimits.frameByteCountMax`; senders bound what
    ///   they put into a message.
    package static func append(
        _ message: some Message, type: MessageType, flags: FrameFlags = [], requestID: UInt64,
        to writer: inout ByteWriter
    ) {
        let start = writer.count
        FrameHeader(type: type, flags: flags, requestID: requestID).write(into: &writer)
        message.encode(into: &writer)
        let byteCount = writer.count - start
        precondition(byteCount <= IPCLimits.frameByteCountMax, "a frame over its limit: \(type)")
        writer.overwrite(UInt32(byteCount - 4), at: start)
    }

    /// One frame by itself.
    package static func frame(
        _ message: some Message, type: MessageType, flags: FrameFlags = [], requestID: UInt64
    ) -> [UInt8] {
        var writer = ByteWriter()
        append(message, type: type, flags: flags, requestID: requestID, to: &writer)
        return writer.bytes
    }
}

/// A request that failed at the other side.
package struct RemoteError: Error, Message {
    package var code: Code
    /// What happened, for people.
    package var message: String
    /// What to do about it, for people; may be empty.
    package var hint: String

    /// Stable codes: the gateway turns each into one HTTP status.
    package enum Code: UInt16, Sendable, CaseIterable {
        case notFound = 1
        case isDirectory = 2
        case notDirectory = 3
        case directoryNotEmpty = 4
        case preconditionFailed = 5
        case noSpace = 6
        case invalid = 7
        case checksumMismatch = 8
        /// Try again: the store is starting, stopping or over its limits.
        case unavailable = 9
        case readOnly = 10
        /// The upload that a commit names is not known (any more).
        case unknownUpload = 11
        case internalError = 12
        case tooLarge = 13
        /// Made by the sender's own side: no answer within the deadline.
        case timedOut = 14
        case cancelled = 15
        /// As `preconditionFailed`, decided among the reachable holders alone: others may know of
        /// something newer.
        case preconditionFailedInReach = 16
        /// As `noSpace`, for a directory's quota.
        case quotaExceeded = 17
        /// A lock is in the way, of which no token was shown: `paths` says where.
        case locked = 18
        /// No lock has that token at that path; it may be over.
        case lockNotFound = 19
        /// There are as many locks as there may be at a path, or more below it than are looked at.
        case tooManyLocks = 20
        /// The clock of the node, or of those that hold the path, may be wrong, so that nobody can say
        /// which locks are over. Also of writes.
        case clockInDoubt = 21
    }

    /// With `locked`: where the locks in the way were taken. Empty where the holders of the path met them in
    /// the decision of the write: then they are at the path itself. With others, of a request about a tree:
    /// the members that this is about. At most `IPCLimits.errorPathsMax`.
    package var paths: [StorePath] = []

    package init(_ code: Code, _ message: String, hint: String = "") {
        self.code = code
        self.message = message
        self.hint = hint
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(code.rawValue)
        writer.writeText(Text.clipped(message))
        writer.writeText(Text.clipped(hint))
        guard code == .locked || !paths.isEmpty else { return }
        let paths = paths.prefix(IPCLimits.errorPathsMax)
        writer.write(UInt8(paths.count))
        for path in paths { writer.write(path) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard let code = Code(rawValue: try reader.readUInt16()) else { throw .invalid("code") }
        self.code = code
        message = try reader.readText(max: IPCLimits.textByteCountMax)
        hint = try reader.readText(max: IPCLimits.textByteCountMax)
        guard code == .locked || !reader.isAtEnd else { return }
        let count = Int(try reader.readUInt8())
        guard count <= IPCLimits.errorPathsMax, code == .locked || count > 0 else {
            throw .invalid("count")
        }
        for _ in 0..<count { paths.append(try reader.readPath()) }
    }
}

/// Text that fits into a message.
package enum Text {
    /// `text`, cut at a character where it is over `IPCLimits.textByteCountMax` bytes.
    package static func clipped(_ text: String) -> String {
        guard text.utf8.count > IPCLimits.textByteCountMax else { return text }
        var out = ""
        var byteCount = 0
        for character in text {
            byteCount += character.utf8.count
            if byteCount > IPCLimits.textByteCountMax { break }
            out.append(character)
        }
        return out
    }
}
