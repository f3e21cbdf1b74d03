package import Model

/// Properties as the store keeps them: a byte for the version of this form, then of each its namespace (u16
/// length), its name (u16 length) and its element (u32 length). The order is kept.
extension [DeadProperty] {
    private static let version: UInt8 = 1

    /// No bytes where there are none.
    package var encoded: [UInt8] {
        guard !isEmpty else { return [] }
        var writer = ByteWriter()
        writer.write(Self.version)
        for property in self {
            writer.write(UInt16(property.name.namespace.count))
            writer.writeBytes(property.name.namespace)
            writer.write(UInt16(property.name.local.count))
            writer.writeBytes(property.name.local)
            writer.writeRun(property.xml)
        }
        return writer.bytes
    }

    /// - Throws: `DecodeError` where the bytes are none of `encoded`.
    package init(decoding bytes: [UInt8]) throws(DecodeError) {
        self = []
        guard !bytes.isEmpty else { return }
        let span = bytes.span
        var reader = ByteReader(unsafe span.bytes)
        guard try reader.readUInt8() == Self.version else { throw .invalid("version") }
        while !reader.isAtEnd {
            guard count < WebDAVLimits.propertiesMax else { throw .invalid("count") }
            let namespace = try reader.readBytes(Int(try reader.readUInt16()))
            let local = try reader.readBytes(Int(try reader.readUInt16()))
            let xml = try reader.readRun(max: WebDAVLimits.propertiesByteCountMax)
            append(
                DeadProperty(name: XMLName(namespace: namespace, local: local), xml: xml))
        }
    }
}
