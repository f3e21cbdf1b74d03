package import Model

/// `partitionFiles`: the files of some partitions, as this node's disk has them.
package struct PartitionFilesRequest: Message {
    /// At most `IPCLimits.partitionFilesMax`.
    package var partitions: [Partition]

    package init(partitions: [Partition]) { self.partitions = partitions }

    package func encode(into writer: inout ByteWriter) {
        precondition(partitions.count <= IPCLimits.partitionFilesMax, "too many partitions")
        writer.write(UInt16(partitions.count))
        for partition in partitions { writer.write(partition.number) }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = try reader.readUInt16()
        guard count <= UInt16(IPCLimits.partitionFilesMax) else { throw .invalid("count") }
        partitions = []
        for _ in 0..<count { partitions.append(Partition(number: try reader.readUInt16())) }
    }
}

/// The answer to `partitionFiles`: of each partition that was asked for, in that order.
package struct PartitionFilesResponse: Message {
    package struct File: Equatable, Sendable {
        package var path: StorePath
        package var byteCount: UInt64
        package var modified: Timestamp

        package init(path: StorePath, byteCount: UInt64, modified: Timestamp) {
            self.path = path
            self.byteCount = byteCount
            self.modified = modified
        }
    }

    package struct Entry: Equatable, Sendable {
        package var fileCount: UInt64
        /// The first of them, at most `IPCLimits.partitionFileCountMax`, and fewer where the answer
        /// would grow too long.
        package var files: [File]

        package init(fileCount: UInt64, files: [File]) {
            self.fileCount = fileCount
            self.files = files
        }
    }

    package var entries: [Entry]

    package init(entries: [Entry]) { self.entries = entries }

    package func encode(into writer: inout ByteWriter) {
        precondition(entries.count <= IPCLimits.partitionFilesMax, "too many partitions")
        writer.write(UInt16(entries.count))
        for entry in entries {
            precondition(
                entry.files.count <= IPCLimits.partitionFileCountMax, "too many files")
            writer.write(entry.fileCount)
            writer.write(UInt16(entry.files.count))
            for file in entry.files {
                writer.write(file.path)
                writer.write(file.byteCount)
                writer.write(file.modified.nanoseconds)
            }
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = try reader.readUInt16()
        guard count <= UInt16(IPCLimits.partitionFilesMax) else { throw .invalid("count") }
        entries = []
        for _ in 0..<count {
            let fileCount = try reader.readUInt64()
            let listed = try reader.readUInt16()
            guard listed <= UInt16(IPCLimits.partitionFileCountMax) else { throw .invalid("files") }
            var files: [File] = []
            for _ in 0..<listed {
                files.append(
                    File(
                        path: try reader.readPath(), byteCount: try reader.readUInt64(),
                        modified: Timestamp(nanoseconds: try reader.readInt64())))
            }
            entries.append(Entry(fileCount: fileCount, files: files))
        }
    }
}
