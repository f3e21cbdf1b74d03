internal import GRDB
internal import Model

/// What files of objects were like when the store saw last that they are right: a column of `objects`, for
/// one connection and its thread.
final class FileStamps {
    private let find: SQLStatement

    init(_ database: Database) throws {
        find = try SQLStatement(database, "SELECT stamp FROM objects WHERE object = ?")
    }

    /// Nil where nothing was written down: then it is checked before it is served.
    func stamp(of object: ObjectID) throws -> FileTrust.Stamp? {
        find.bind(1, object)
        guard try find.step() else { return nil }
        defer { find.reset() }
        guard !find.isNull(0) else { return nil }
        do {
            return try FileTrust.Stamp(decoding: find.bytes(0))
        } catch {
            throw CorruptRow(description: "what a file was like in objects")
        }
    }
}

extension FileTrust.Stamp {
    var bytes: [UInt8] {
        var writer = ByteWriter()
        writer.write(inode)
        for value in [byteCount, modified, changed] { writer.write(value) }
        return writer.bytes
    }

    fileprivate init(decoding bytes: [UInt8]) throws(DecodeError) {
        var reader = ByteReader(unsafe bytes.span.bytes)
        inode = try reader.readUInt64()
        byteCount = try reader.readInt64()
        modified = try reader.readInt64()
        changed = try reader.readInt64()
        try reader.finish()
    }
}
