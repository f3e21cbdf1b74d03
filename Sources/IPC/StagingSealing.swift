package import Model

/// The answer to `beginUpload` and `openFetch` of a store whose disk is encrypted, in place of `Empty`: how
/// the content is to be sealed on its way into the staging file. It seals this content alone, which the
/// gateway sees anyway.
package struct StagingSealing: Message {
    /// What stands before the chunks; it is in the file already.
    package var header: [UInt8]
    /// Secret.
    package var key: [UInt8]
    /// Whether the content ends where what is to be written ends.
    package var endsContent: Bool

    package init(header: [UInt8], key: [UInt8], endsContent: Bool) {
        self.header = header
        self.key = key
        self.endsContent = endsContent
    }

    package func encode(into writer: inout ByteWriter) {
        writer.writeRun(header)
        writer.writeRun(key)
        writer.write(endsContent)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        header = try reader.readRun(max: IPCLimits.sealingByteCountMax)
        key = try reader.readRun(max: IPCLimits.sealingByteCountMax)
        endsContent = try reader.readBool()
    }
}

extension StagingSealing: CustomStringConvertible, CustomReflectable {
    package var description: String { "StagingSealing" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
