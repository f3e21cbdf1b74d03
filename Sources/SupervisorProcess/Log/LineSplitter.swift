/// Cuts the output of a worker into lines, each at most `SupervisorLimits.logLineBytesMax` bytes;
/// the rest of a longer one is dropped, and said.
struct LineSplitter {
    private var partial: [UInt8] = []
    private var droppedCount = 0

    /// The lines that are now whole.
    mutating func feed(_ bytes: some Sequence<UInt8>) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == 0x0A {
                lines.append(take())
            } else if partial.count < SupervisorLimits.logLineBytesMax {
                partial.append(byte)
            } else {
                droppedCount += 1
            }
        }
        return lines
    }

    /// What stands without a line end when the output ends.
    mutating func finish() -> String? { partial.isEmpty ? nil : take() }

    private mutating func take() -> String {
        if partial.last == 0x0D { partial.removeLast() }
        var line = LineSplitter.printable(partial)
        if droppedCount > 0 { line += " … (\(droppedCount) bytes cut)" }
        partial.removeAll(keepingCapacity: true)
        droppedCount = 0
        return line
    }

    /// Control characters could make a terminal do things; bytes that are no UTF-8 show as U+FFFD.
    static func printable(_ bytes: [UInt8]) -> String {
        String(decoding: bytes.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }, as: UTF8.self)
    }
}
