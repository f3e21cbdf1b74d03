/// What a pass of the scrub over one disk came to, or has come to so far: for people, for other nodes and
/// for the next life.
package struct ScrubSummary: Hashable, Sendable {
    /// A content that was found damaged.
    package struct Damage: Hashable, Sendable {
        package var path: StorePath
        /// For people.
        package var reason: String
        package var isRepaired: Bool

        package init(path: StorePath, reason: String, isRepaired: Bool = false) {
            self.path = path
            self.reason = reason
            self.isRepaired = isRepaired
        }
    }

    /// What the pass is known by: the milliseconds since 1970 at its beginning.
    package var id: UInt64
    /// Milliseconds since 1970; nil while it is under way.
    package var finished: UInt64?
    /// Files that were there, as far as it is.
    package var fileCount: UInt64 = 0
    /// Of those: whose content was read and is what was stored.
    package var verifiedCount: UInt64 = 0
    /// The same of contents that no path shows: superseded and deleted ones, and losers of conflicts.
    package var keptCount: UInt64 = 0
    /// Bytes that were read and are good.
    package var byteCount: UInt64 = 0
    /// Contents that could not be read now, for a reason that says nothing of them.
    package var unreadCount: UInt64 = 0
    package var damageCount: UInt64 = 0
    package var repairedCount: UInt64 = 0
    /// Files that have no good copy here (yet).
    package var quarantinedCount: UInt64 = 0
    /// Things in the directory that nothing in the store names.
    package var strayCount: UInt64 = 0
    /// Names of the view for people that somebody removed, and that are shown again.
    package var removedViewCount: UInt64 = 0
    /// Names of the view where somebody put something else.
    package var replacedViewCount: UInt64 = 0
    /// As many of each as the limits allow.
    package var damage: [Damage] = []
    package var strays: [String] = []
    package var replacedViews: [StorePath] = []

    package init(id: UInt64) { self.id = id }

    package var isDone: Bool { finished != nil }

    /// Cuts the lists to so many bytes all together.
    package mutating func cut(to byteCount: Int) {
        var room = byteCount
        damage = Array(
            damage.prefix { item in
                room -= item.path.bytes.count + item.reason.utf8.count
                return room >= 0
            })
        strays = Array(
            strays.prefix { item in
                room -= item.utf8.count
                return room >= 0
            })
        replacedViews = Array(
            replacedViews.prefix { item in
                room -= item.bytes.count
                return room >= 0
            })
    }

    /// Names in each list, as a message or a row has them, and bytes of each list: with all three far below
    /// a frame (1 MiB).
    package static let namesMax = 100
    package static let listByteCountMax = 128 << 10
    private static let reasonByteCountMax = 4096

    /// Lists are cut to their limits.
    package func encode(into writer: inout ByteWriter) {
        writer.write(id)
        writer.write(finished != nil)
        writer.write(finished ?? 0)
        for count in [
            fileCount, verifiedCount, keptCount, byteCount, unreadCount, damageCount, repairedCount,
            quarantinedCount, strayCount, removedViewCount, replacedViewCount,
        ] { writer.write(count) }
        Self.write(damage, to: &writer, byteCount: { $0.path.bytes.count + $0.reason.utf8.count }) {
            writer, item in
            writer.writeRun(item.path.bytes)
            writer.writeText(item.reason)
            writer.write(item.isRepaired)
        }
        Self.write(strays, to: &writer, byteCount: { $0.utf8.count }) { $0.writeText($1) }
        Self.write(replacedViews, to: &writer, byteCount: { $0.bytes.count }) {
            $0.writeRun($1.bytes)
        }
    }

    private static func write<Item>(
        _ items: [Item], to writer: inout ByteWriter, byteCount: (Item) -> Int,
        _ write: (inout ByteWriter, Item) -> Void
    ) {
        var room = listByteCountMax
        let part = items.prefix(namesMax).prefix { item in
            room -= byteCount(item)
            return room >= 0
        }
        writer.write(UInt16(part.count))
        for item in part { write(&writer, item) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        id = try reader.readUInt64()
        let isFinished = try reader.readBool()
        let time = try reader.readUInt64()
        finished = isFinished ? time : nil
        fileCount = try reader.readUInt64()
        verifiedCount = try reader.readUInt64()
        keptCount = try reader.readUInt64()
        byteCount = try reader.readUInt64()
        unreadCount = try reader.readUInt64()
        damageCount = try reader.readUInt64()
        repairedCount = try reader.readUInt64()
        quarantinedCount = try reader.readUInt64()
        strayCount = try reader.readUInt64()
        removedViewCount = try reader.readUInt64()
        replacedViewCount = try reader.readUInt64()
        for _ in 0..<(try Self.count(&reader)) {
            damage.append(
                Damage(
                    path: try Self.path(&reader),
                    reason: try reader.readText(max: Self.reasonByteCountMax),
                    isRepaired: try reader.readBool()))
        }
        for _ in 0..<(try Self.count(&reader)) {
            strays.append(try reader.readText(max: Self.listByteCountMax))
        }
        for _ in 0..<(try Self.count(&reader)) { replacedViews.append(try Self.path(&reader)) }
    }

    private static func count(_ reader: inout ByteReader) throws(DecodeError) -> Int {
        let count = Int(try reader.readUInt16())
        guard count <= namesMax else { throw .invalid("count") }
        return count
    }

    private static func path(_ reader: inout ByteReader) throws(DecodeError) -> StorePath {
        let bytes = try reader.readRun(max: StorePath.byteCountMax)
        guard let path = try? StorePath(validating: bytes) else { throw .invalid("path") }
        return path
    }
}
