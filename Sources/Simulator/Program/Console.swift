import Glibc

/// The terminal and files, for the program alone.
enum Console {
    static func complain(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    @discardableResult
    private static func write(_ text: String, to descriptor: Int32) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while unsafe !rest.isEmpty {
                let count = unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
                guard count > 0 else { return false }
                unsafe rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            }
            return true
        }
    }

    static func write(_ lines: [String], to file: String) -> Bool {
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var chunk = ""
        for line in lines {
            chunk += line
            chunk += "\n"
            if chunk.utf8.count > 1 << 20 {
                guard write(chunk, to: descriptor) else { return false }
                chunk = ""
            }
        }
        return write(chunk, to: descriptor)
    }

    /// The whole file as text; nil where it cannot be read.
    static func read(_ file: String) -> String? {
        let descriptor = unsafe open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 { return nil }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}

/// How far a single run has come: every ten seconds on a terminal, elsewhere every minute.
struct Progress {
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private let interval: Duration
    private var next: ContinuousClock.Instant

    init() {
        start = clock.now
        interval = Console.isTerminal ? .seconds(10) : .seconds(60)
        next = start + interval
    }

    mutating func show(_ world: borrowing World) {
        guard clock.now >= next else { return }
        next = clock.now + interval
        Console.complain(world.progressText(after: clock.now - start))
    }
}

extension World {
    /// One line: where the run is, in virtual and real time.
    func progressText(after real: Duration) -> String {
        let virtual = now / .seconds(1)
        let planned = (options.length + runningSince) / .seconds(1)
        let upCount = hosts.indices.count { hosts[$0].state == .up }
        return "\(phase): \(virtual) s of some \(planned) s simulated after"
            + " \(real.components.seconds) s; \(upCount) nodes up, \(statistics.eventCount) events"
    }
}
