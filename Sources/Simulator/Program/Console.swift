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

/// Every ten seconds, on a terminal: how far a run has come.
struct Progress {
    private let clock = ContinuousClock()
    private var next: ContinuousClock.Instant
    private let isShown = Console.isTerminal

    init() { next = clock.now + .seconds(10) }

    mutating func show(_ now: Nanoseconds, of options: SimulationOptions) {
        guard isShown, clock.now >= next else { return }
        next = clock.now + .seconds(10)
        Console.complain(
            "\(now / .seconds(1)) s of some \(options.length / .seconds(1)) s simulated")
    }
}
