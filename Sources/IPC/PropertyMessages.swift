package import Model

/// `properties`: the dead properties of files and directories, whole; at most
/// `IPCLimits.propertiesPathsMax` paths.
package struct PropertiesRequest: Message {
    package var paths: [StorePath]

    package init(paths: [StorePath]) { self.paths = paths }

    package func encode(into writer: inout ByteWriter) {
        precondition(paths.count <= IPCLimits.propertiesPathsMax, "too many paths")
        writer.write(UInt16(paths.count))
        for path in paths { writer.write(path) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = Int(try reader.readUInt16())
        guard count <= IPCLimits.propertiesPathsMax else { throw .invalid("count") }
        paths = []
        for _ in 0..<count { paths.append(try reader.readPath()) }
    }
}

/// The answer to `properties`, in the order of the paths.
package struct PropertiesResponse: Message {
    /// Of each path; empty where there are none, or nothing is at the path.
    package var properties: [[UInt8]]

    package init(properties: [[UInt8]]) { self.properties = properties }

    package func encode(into writer: inout ByteWriter) {
        precondition(properties.count <= IPCLimits.propertiesPathsMax, "too many paths")
        writer.write(UInt16(properties.count))
        for bytes in properties { writer.writeRun(bytes) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = Int(try reader.readUInt16())
        guard count <= IPCLimits.propertiesPathsMax else { throw .invalid("count") }
        properties = []
        for _ in 0..<count {
            properties.append(try reader.readRun(max: FileProperties.byteCountMax))
        }
    }
}

/// `setProperties`: a file or directory gets these dead properties instead of those that it has; answered
/// as a write is. Where they changed since the client's were made from them, it fails as a precondition
/// does (`seen`), and is to be made again from what is there then. A file that was only written anew
/// meanwhile is no reason: it kept its properties.
package struct SetPropertiesRequest: Message {
    package var operation: OperationID
    package var path: StorePath
    /// What was there before, whole.
    package var seen: [UInt8]
    /// At most `FileProperties.byteCountMax` bytes; empty: none.
    package var properties: [UInt8]
    /// Of the file, and tokens of locks.
    package var conditions: WriteConditions

    package init(
        operation: OperationID, path: StorePath, seen: [UInt8], properties: [UInt8],
        conditions: WriteConditions
    ) {
        self.operation = operation
        self.path = path
        self.seen = seen
        self.properties = properties
        self.conditions = conditions
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(operation)
        writer.write(path)
        writer.writeRun(seen)
        writer.writeRun(properties)
        conditions.encode(into: &writer)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        operation = try reader.readIdentifier()
        path = try reader.readPath()
        seen = try reader.readRun(max: FileProperties.byteCountMax)
        properties = try reader.readRun(max: FileProperties.byteCountMax)
        conditions = try WriteConditions(from: &reader)
    }
}
