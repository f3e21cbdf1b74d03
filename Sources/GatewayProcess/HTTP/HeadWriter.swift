internal import NIOCore

/// Writes a response's head straight into the buffer that goes out, so that a small body can
/// follow in the same bytes.
struct HeadWriter {
    private(set) var buffer: ByteBuffer

    /// - Parameter date: the value of Date, as `LoopClock` keeps it.
    init(_ buffer: ByteBuffer, status: Status, date: [UInt8]) {
        self.buffer = buffer
        self.buffer.writeStaticString("HTTP/1.1 ")
        self.buffer.writeStaticString(status.line)
        self.buffer.writeStaticString("Server: clusterf\r\nDate: ")
        self.buffer.writeBytes(date)
        self.buffer.writeStaticString("\r\n")
    }

    mutating func field(_ name: StaticString, _ value: StaticString) {
        start(name)
        buffer.writeStaticString(value)
        buffer.writeStaticString("\r\n")
    }

    /// - Parameter value: free of line breaks; `write` checks it, since a value may come from a
    ///   client.
    mutating func field(_ name: StaticString, _ value: some StringProtocol) {
        start(name)
        buffer.writeBytes(value.utf8.lazy.map { HeadWriter.visible($0) })
        buffer.writeStaticString("\r\n")
    }

    mutating func field(_ name: StaticString, bytes value: [UInt8]) {
        start(name)
        if value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) {
            buffer.writeBytes(value)
        } else {
            buffer.writeBytes(value.map { HeadWriter.visible($0) })
        }
        buffer.writeStaticString("\r\n")
    }

    mutating func field(_ name: StaticString, _ value: UInt64) {
        start(name)
        append(value)
        buffer.writeStaticString("\r\n")
    }

    mutating func end() { buffer.writeStaticString("\r\n") }

    /// The bytes, without a second reference to them that would make the next write copy.
    mutating func take() -> ByteBuffer {
        let taken = buffer
        buffer = ByteBuffer()
        return taken
    }

    private mutating func start(_ name: StaticString) {
        buffer.writeStaticString(name)
        buffer.writeStaticString(": ")
    }

    private mutating func append(_ number: UInt64) { buffer.writeString(String(number)) }

    /// A control character would end the field, and with it the head.
    private static func visible(_ byte: UInt8) -> UInt8 {
        byte >= 0x20 && byte != 0x7F ? byte : 0x3F
    }
}
