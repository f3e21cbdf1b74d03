package import Model
import Replication

/// A file that was written, or is gone.
package struct FileChange: Hashable, Sendable {
    package var path: StorePath
    /// Nil where the file is gone.
    package var version: Dot?

    package init(path: StorePath, version: Dot?) {
        self.path = path
        self.version = version
    }
}

extension FileChange: WireValue {
    package static let byteCountMin = 6

    package func encode(into writer: inout ByteWriter) {
        writer.write(path)
        writer.write(optional: version)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(path: try reader.read(), version: try reader.readOptional())
    }
}
