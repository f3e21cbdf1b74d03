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

    /// A value may come from a client: what would end the field early is replaced.
    mutating func field(_ name: StaticString, _ value: String) {
        start(name)
        let begin = buffer.writerIndex
        buffer.writeString(value)
        endField(from: begin)
    }

    mutating func field(_ name: StaticString, bytes value: [UInt8]) {
        start(name)
        let begin = buffer.writerIndex
        buffer.writeBytes(value)
        endField(from: begin)
    }

    /// Whole fields, each with its line break.
    mutating func lines(_ text: StaticString) { buffer.writeStaticString(text) }

    private mutating func endField(from begin: Int) {
        let view = buffer.viewBytes(at: begin, length: buffer.writerIndex - begin)
        if let view, view.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            buffer.setBytes(
                view.map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }, at: begin)
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
}
