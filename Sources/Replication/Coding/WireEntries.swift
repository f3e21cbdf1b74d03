package import Model

// Entries of directories, and items of partitions.

/// As its version, and what that holds.
extension FileRecord: WireValue {
    package static var byteCountMin: Int { 130 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(version)
        FileFacts(
            byteCount: byteCount, digest: digest, contentType: contentType, created: created,
            modified: modified, object: object, home: home
        ).encode(properties, into: &writer)
        writer.write(operation)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let version: Version = try reader.read()
        let (facts, properties) = try FileFacts.decode(from: &reader)
        self.init(
            version: version, byteCount: facts.byteCount, digest: facts.digest,
            contentType: facts.contentType, created: facts.created, modified: facts.modified,
            object: facts.object, home: facts.home, operation: try reader.readIdentifier(),
            properties: properties)
    }
}

extension DirectoryEntry.FileSlot: WireValue {
    package static var byteCountMin: Int { 37 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(rank)
        writer.write(optional: record)
        writer.write(correction)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            rank: try reader.read(), record: try reader.readOptional(),
            correction: try reader.readCorrection())
    }
}

extension DirectoryEntry.DirectorySlot: WireValue {
    package static var byteCountMin: Int { 37 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(rank)
        writer.write(exists)
        writer.write(correction)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            rank: try reader.read(), exists: try reader.readBool(),
            correction: try reader.readCorrection())
    }
}

extension DirectoryEntry: WireValue {
    package static var byteCountMin: Int { 2 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(optional: file)
        writer.write(optional: directory)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(file: try reader.readOptional(), directory: try reader.readOptional())
    }
}

extension KeyedEntry: WireValue {
    package static var byteCountMin: Int { 12 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(key)
        writer.write(entry)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(key: try reader.read(), entry: try reader.read())
    }
}

extension Existence: WireValue {
    package static var byteCountMin: Int { 5 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(exists)
        writer.write(isMarked)
        writer.write(optional: markRank)
        writer.write(optional: rank)
        writer.write(hasChanged)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            exists: try reader.readBool(), isMarked: try reader.readBool(),
            markRank: try reader.readOptional(), rank: try reader.readOptional(),
            hasChanged: try reader.readBool())
    }
}

extension Item: WireValue {
    package static var byteCountMin: Int { 24 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(key)
        writer.write(fingerprint)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(key: try reader.read(), fingerprint: try reader.read())
    }
}

extension PartitionSum: WireValue {
    package static var byteCountMin: Int { 23 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(partition)
        writer.write(sum)
        writer.write(UInt32(clamping: itemCount))
        writer.write(hasUnsettled)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            partition: try reader.read(), sum: try reader.read(),
            itemCount: Int(try reader.readUInt32()), hasUnsettled: try reader.readBool())
    }
}
