package import Model

/// `watch`, a notice of a gateway: whether it wants to hear of events over this link from now on.
package struct WatchNotice: Message {
    package var isOn: Bool

    package init(isOn: Bool) { self.isOn = isOn }

    package func encode(into writer: inout ByteWriter) { writer.write(isOn) }

    package init(from reader: inout ByteReader) throws(DecodeError) { isOn = try reader.readBool() }
}

/// `events`, a notice of the store to the links that watch: what changed, in order. What a link that does
/// not read missed is counted.
package struct EventsNotice: Message {
    package enum Event: Equatable, Sendable {
        /// A file was written, or deleted.
        case file(StorePath, version: Dot?)
        /// Another node is seen otherwise than before: a word.
        case peer(NodeID, state: String)
        /// Work that goes on by itself: a word, and what it is about.
        case progress(String, about: String)
    }

    package var lostCount: UInt64
    /// At most `IPCLimits.eventsMax`.
    package var events: [Event]

    package init(lostCount: UInt64, events: [Event]) {
        self.lostCount = lostCount
        self.events = events
    }

    package func encode(into writer: inout ByteWriter) {
        precondition(events.count <= IPCLimits.eventsMax, "too many events in one notice")
        writer.write(lostCount)
        writer.write(UInt16(events.count))
        for event in events {
            switch event {
            case .file(let path, let version):
                writer.write(UInt8(1))
                writer.write(path)
                writer.write(version != nil)
                if let version {
                    writer.write(version.disk)
                    writer.write(version.sequence)
                }
            case .peer(let node, let state):
                writer.write(UInt8(2))
                node.encode(into: &writer)
                writer.writeText(Text.clipped(state))
            case .progress(let word, let about):
                writer.write(UInt8(3))
                writer.writeText(Text.clipped(word))
                writer.writeText(Text.clipped(about))
            }
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        lostCount = try reader.readUInt64()
        let count = try reader.readUInt16()
        guard count <= UInt16(IPCLimits.eventsMax) else { throw .invalid("count") }
        events = []
        for _ in 0..<count {
            switch try reader.readUInt8() {
            case 1:
                let path = try reader.readPath()
                var version: Dot?
                if try reader.readBool() {
                    version = Dot(
                        disk: try reader.readIdentifier(), sequence: try reader.readUInt64())
                }
                events.append(.file(path, version: version))
            case 2:
                events.append(
                    .peer(
                        try NodeID(from: &reader),
                        state: try reader.readText(max: IPCLimits.textByteCountMax)))
            case 3:
                let word = try reader.readText(max: IPCLimits.textByteCountMax)
                events.append(
                    .progress(word, about: try reader.readText(max: IPCLimits.textByteCountMax)))
            default: throw .invalid("event")
            }
        }
    }
}
