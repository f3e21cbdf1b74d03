package import Model

/// Names and values, each at most `IPCLimits.textByteCountMax` bytes.
package struct Settings: Message {
    package var values: [String: String]

    package init(_ values: [String: String]) { self.values = values }

    package subscript(name: String) -> String? { values[name] }

    package func encode(into writer: inout ByteWriter) {
        precondition(values.count <= IPCLimits.listCountMax, "too many settings")
        writer.write(UInt32(values.count))
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            writer.writeText(Text.clipped(name))
            writer.writeText(Text.clipped(value))
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = try reader.readCount()
        values = [:]
        for _ in 0..<count {
            let name = try reader.readText(max: IPCLimits.textByteCountMax)
            let value = try reader.readText(max: IPCLimits.textByteCountMax)
            guard values.updateValue(value, forKey: name) == nil else { throw .invalid("name") }
        }
    }
}

extension ByteReader {
    /// A count of list entries, at most `IPCLimits.listCountMax`.
    mutating func readCount() throws(DecodeError) -> Int {
        let count = try readUInt32()
        guard count <= UInt32(IPCLimits.listCountMax) else { throw .invalid("count") }
        return Int(count)
    }
}

/// `peers`, a notice: who may connect to the worker's socket. Replaces the list before.
package struct PeersNotice: Message {
    package struct Peer: Equatable, Sendable {
        package var pid: Int32
        package var role: Role
        package var generation: UInt64

        package init(pid: Int32, role: Role, generation: UInt64) {
            self.pid = pid
            self.role = role
            self.generation = generation
        }
    }

    package var peers: [Peer]

    package init(peers: [Peer]) { self.peers = peers }

    package func encode(into writer: inout ByteWriter) {
        precondition(peers.count <= IPCLimits.listCountMax, "too many peers")
        writer.write(UInt32(peers.count))
        for peer in peers {
            writer.write(peer.pid)
            writer.write(peer.role.rawValue)
            writer.write(peer.generation)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        peers = []
        for _ in 0..<(try reader.readCount()) {
            let pid = Int32(bitPattern: try reader.readUInt32())
            guard let role = Role(rawValue: try reader.readUInt8()) else { throw .invalid("role") }
            peers.append(Peer(pid: pid, role: role, generation: try reader.readUInt64()))
        }
    }
}

/// The answer to `progress` (whose request is `Empty`).
package struct ProgressReport: Message {
    /// Requests taken and not finished.
    package var queued: UInt32
    /// Requests finished in this life.
    package var finished: UInt64
    /// How long the oldest sync has been running; 0 where none is.
    package var syncMilliseconds: UInt32

    package init(queued: UInt32, finished: UInt64, syncMilliseconds: UInt32) {
        self.queued = queued
        self.finished = finished
        self.syncMilliseconds = syncMilliseconds
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(queued)
        writer.write(finished)
        writer.write(syncMilliseconds)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        queued = try reader.readUInt32()
        finished = try reader.readUInt64()
        syncMilliseconds = try reader.readUInt32()
    }
}

/// `ready`, a notice: the worker of this generation serves.
package struct ReadyNotice: Message {
    package var generation: UInt64

    package init(generation: UInt64) { self.generation = generation }

    package func encode(into writer: inout ByteWriter) { writer.write(generation) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        generation = try reader.readUInt64()
    }
}

/// `drain`, a request: finish what is open, answer, and exit.
package struct DrainRequest: Message {
    /// What is open after this long is cut off.
    package var milliseconds: UInt32

    package init(milliseconds: UInt32) { self.milliseconds = milliseconds }

    package func encode(into writer: inout ByteWriter) { writer.write(milliseconds) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        milliseconds = try reader.readUInt32()
    }
}

/// One worker, as `/status` and `clusterfctl workers` show it.
package struct WorkerStatus: Message {
    package var name: String
    /// 0 while no process runs.
    package var pid: Int32
    /// A word of the supervision table: `ready`, `starting`, `degraded`, …
    package var state: String
    package var generation: UInt64
    package var restarts: UInt64
    /// Nil while the worker is not ready.
    package var readySince: Timestamp?

    package init(
        name: String, pid: Int32, state: String, generation: UInt64, restarts: UInt64,
        readySince: Timestamp?
    ) {
        self.name = name
        self.pid = pid
        self.state = state
        self.generation = generation
        self.restarts = restarts
        self.readySince = readySince
    }

    package func encode(into writer: inout ByteWriter) {
        writer.writeText(name)
        writer.write(pid)
        writer.writeText(state)
        writer.write(generation)
        writer.write(restarts)
        writer.write(readySince?.nanoseconds ?? Int64.min)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        name = try reader.readText(max: IPCLimits.textByteCountMax)
        pid = Int32(bitPattern: try reader.readUInt32())
        state = try reader.readText(max: IPCLimits.textByteCountMax)
        generation = try reader.readUInt64()
        restarts = try reader.readUInt64()
        let nanoseconds = try reader.readInt64()
        readySince = nanoseconds == Int64.min ? nil : Timestamp(nanoseconds: nanoseconds)
    }
}

/// The node as its supervisor sees it: the notice `workers` to the gateway at each change, and the
/// answer to clusterfctl's `nodeStatus` (whose request is `Empty`).
package struct NodeStatus: Message {
    /// `node_id`, `data_dir`, `http_port`, `version`, … as `/status` names them.
    package var facts: Settings
    package var started: Timestamp
    package var workers: [WorkerStatus]
    package var warnings: [String]

    package init(
        facts: Settings, started: Timestamp, workers: [WorkerStatus], warnings: [String]
    ) {
        self.facts = facts
        self.started = started
        self.workers = workers
        self.warnings = warnings
    }

    package func encode(into writer: inout ByteWriter) {
        facts.encode(into: &writer)
        writer.write(started.nanoseconds)
        writer.write(UInt32(workers.count))
        for worker in workers { worker.encode(into: &writer) }
        writer.writeTexts(warnings)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        facts = try Settings(from: &reader)
        started = Timestamp(nanoseconds: try reader.readInt64())
        workers = []
        for _ in 0..<(try reader.readCount()) { workers.append(try WorkerStatus(from: &reader)) }
        warnings = try reader.readTexts()
    }
}

/// `restartWorker`, a request of clusterfctl or a worker; answered with `Empty` when the new life is
/// ready.
package struct RestartRequest: Message {
    /// A worker's name, or `allWorkers`: one after the other.
    package var worker: String

    package static let allWorkers = "all"

    package init(worker: String) { self.worker = worker }

    package func encode(into writer: inout ByteWriter) { writer.writeText(worker) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        worker = try reader.readText(max: IPCLimits.textByteCountMax)
    }
}

/// `logs`, a request of clusterfctl; answered with `LogLines`, then, with `follow`, `logLine`
/// notices (each `LogLines`) until the connection closes.
package struct LogsRequest: Message {
    /// A worker's name; empty for all and the supervisor.
    package var worker: String
    package var lineCount: UInt32
    package var follow: Bool

    package init(worker: String, lineCount: UInt32, follow: Bool) {
        self.worker = worker
        self.lineCount = lineCount
        self.follow = follow
    }

    package func encode(into writer: inout ByteWriter) {
        writer.writeText(worker)
        writer.write(lineCount)
        writer.write(follow)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        worker = try reader.readText(max: IPCLimits.textByteCountMax)
        lineCount = try reader.readUInt32()
        follow = try reader.readBool()
    }
}

/// Lines of the log, oldest first. The sender keeps the frame within its limit.
package struct LogLines: Message {
    package var lines: [String]

    package init(lines: [String]) { self.lines = lines }

    package func encode(into writer: inout ByteWriter) { writer.writeTexts(lines) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        lines = try reader.readTexts()
    }
}

extension ByteWriter {
    /// A count, then the texts, each clipped to its limit.
    mutating func writeTexts(_ texts: [String]) {
        precondition(texts.count <= IPCLimits.listCountMax, "too many texts")
        write(UInt32(texts.count))
        for text in texts { writeText(Text.clipped(text)) }
    }
}

extension ByteReader {
    mutating func readTexts() throws(DecodeError) -> [String] {
        var texts: [String] = []
        for _ in 0..<(try readCount()) {
            texts.append(try readText(max: IPCLimits.textByteCountMax))
        }
        return texts
    }
}
