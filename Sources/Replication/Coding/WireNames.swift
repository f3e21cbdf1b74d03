package import Model

// Names, clocks and contexts.

extension NodeID: WireValue {
    package static var byteCountMin: Int { 5 }
    package func encode(into writer: inout ByteWriter) { writer.writeText(name) }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard let node = NodeID(try reader.readText(max: NodeID.byteCountMax)) else {
            throw .invalid("node id")
        }
        self = node
    }
}

extension StorePath: WireValue {
    package static var byteCountMin: Int { 5 }
    package func encode(into writer: inout ByteWriter) { writer.writeRun(bytes) }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let bytes = try reader.readRun(max: StorePath.byteCountMax)
        guard let path = try? StorePath(validating: bytes), path.bytes == bytes else {
            throw .invalid("path")
        }
        self = path
    }
}

extension Partition: WireValue {
    package static var byteCountMin: Int { 2 }
    package func encode(into writer: inout ByteWriter) { writer.write(number) }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(number: try reader.readUInt16())
    }
}

extension Fingerprint: WireValue {
    package static var byteCountMin: Int { 16 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(high)
        writer.write(low)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(high: try reader.readUInt64(), low: try reader.readUInt64())
    }
}

extension HybridTime: WireValue {
    package static var byteCountMin: Int { 8 }
    package func encode(into writer: inout ByteWriter) { writer.write(value) }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(value: try reader.readNumber())
    }
}

extension Dot: WireValue {
    package static var byteCountMin: Int { 24 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(disk)
        writer.write(sequence)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(disk: try reader.readIdentifier(), sequence: try reader.readNumber())
    }
}

extension Rank: WireValue {
    package static var byteCountMin: Int { 32 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(time)
        writer.write(dot)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(time: try reader.read(), dot: try reader.read())
    }
}

extension Ballot: WireValue {
    package static var byteCountMin: Int { 21 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(round)
        writer.write(node)
        writer.write(nonce)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(
            round: try reader.readNumber(), node: try reader.read(),
            nonce: try reader.readUInt64())
    }
}

/// One entry a disk, by ascending disk.
extension CausalContext: WireValue {
    package static var byteCountMin: Int { 4 }
    package func encode(into writer: inout ByteWriter) { writer.write(entries) }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let entries: [Dot] = try reader.readList()
        for (a, b) in zip(entries, entries.dropFirst()) where a.disk >= b.disk {
            throw .invalid("context")
        }
        self.init(entries: entries)
    }
}

extension Version: WireValue {
    package static var byteCountMin: Int { 36 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(dot)
        writer.write(time)
        writer.write(context)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(dot: try reader.read(), time: try reader.read(), context: try reader.read())
    }
}

/// By ascending disk, the runs of each ascending and apart.
extension PartitionContext: WireValue {
    package static var byteCountMin: Int { 12 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(floor)
        writer.write(entries)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let floor: HybridTime = try reader.read()
        let entries: [Entry] = try reader.readList()
        for (a, b) in zip(entries, entries.dropFirst()) where a.disk >= b.disk {
            throw .invalid("context")
        }
        self.init(entries: entries, floor: floor)
    }
}

extension PartitionContext.Entry: WireValue {
    package static var byteCountMin: Int { 36 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(disk)
        writer.write(runs)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let disk: DiskID = try reader.readIdentifier()
        let runs: [PartitionContext.Run] = try reader.readList()
        guard !runs.isEmpty else { throw .invalid("runs") }
        for (a, b) in zip(runs, runs.dropFirst()) where a.last >= b.first || b.first - a.last < 2 {
            throw .invalid("runs")
        }
        self.init(disk: disk, runs: runs)
    }
}

extension PartitionContext.Run: WireValue {
    package static var byteCountMin: Int { 16 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(first)
        writer.write(last)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(first: try reader.readNumber(), last: try reader.readNumber())
        guard first <= last else { throw .invalid("run") }
    }
}

extension RegisterKey: WireValue {
    package static var byteCountMin: Int { 6 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(kind.rawValue)
        writer.write(path)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard let kind = RegisterKind(rawValue: try reader.readUInt8()) else {
            throw .unknown("register kind")
        }
        self.init(kind: kind, path: try reader.read())
    }
}

extension EntryKey: WireValue {
    package static var byteCountMin: Int { 10 }
    package func encode(into writer: inout ByteWriter) {
        writer.write(directory)
        writer.writeRun(name)
    }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(directory: try reader.read(), name: try reader.readName())
        guard child != nil else { throw .invalid("entry") }
    }
}

extension ItemKey: WireValue {
    package static var byteCountMin: Int { 8 }
    package func encode(into writer: inout ByteWriter) { writer.write(bits) }
    package init(from reader: inout ByteReader) throws(DecodeError) {
        let bits = try reader.readUInt64()
        self.init(bits: bits)
        guard self.bits == bits else { throw .invalid("item key") }
    }
}
