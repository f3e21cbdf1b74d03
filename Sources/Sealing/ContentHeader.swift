package import Model

/// What stands before the chunks of a sealed content, in the clear; each chunk authenticates it.
///
/// ```
///   magic 8 │ version 1 │ log2 of the chunk size 1 │ 0 2 │ epoch 4 │ object 16 │ salt 32
/// ```
package struct ContentHeader: Equatable, Sendable {
    /// Which data key.
    package let epoch: UInt32
    package let object: ObjectID
    let salt: [UInt8]
    let layout: SealedLayout

    package static let byteCount = 64
    private static let magic = [UInt8]("clfseal\0".utf8)
    private static let version: UInt8 = 1
    /// Of a chunk of 16 MiB: what a header claims must not decide how much is held in memory.
    private static let exponentMax = 24

    init(epoch: UInt32, object: ObjectID, salt: [UInt8], layout: SealedLayout) {
        precondition(salt.count == SealingLimits.saltByteCount, "a salt of \(salt.count) bytes")
        self.epoch = epoch
        self.object = object
        self.salt = salt
        self.layout = layout
    }

    /// Reads a header.
    package init(_ bytes: [UInt8]) throws(SealError) {
        guard bytes.count == ContentHeader.byteCount,
            Array(bytes[..<8]) == ContentHeader.magic
        else { throw .notAuthentic }
        let exponent = Int(bytes[9])
        guard bytes[8] == ContentHeader.version, bytes[10] == 0, bytes[11] == 0,
            exponent <= ContentHeader.exponentMax
        else { throw .unknownFormat }
        guard let object = ObjectID(bytes: bytes[16..<32]) else {
            preconditionFailure("16 bytes are an identifier")
        }
        self.init(
            epoch: bytes[12..<16].reduce(0) { $0 << 8 | UInt32($1) }, object: object,
            salt: Array(bytes[32...]), layout: SealedLayout(chunkByteCount: 1 << exponent))
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: ContentHeader.byteCount)
        writer.writeBytes(ContentHeader.magic)
        writer.write(ContentHeader.version)
        writer.write(UInt8(layout.chunkByteCount.trailingZeroBitCount))
        writer.write(UInt16(0))
        writer.write(epoch)
        writer.write(object)
        writer.writeBytes(salt)
        return writer.bytes
    }
}
