/// JSON text being written (RFC 8259), compact, as bytes in UTF-8. Commas are placed by the
/// writer; keys come in the order in which they are written.
///
///     var json = JSONWriter()
///     json.object { json in
///         json.member("path", "/a")
///         json.member("holders") { $0.array { $0.value("node-1") } }
///     }
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8]
    /// Whether a comma comes before the next value or key.
    private var needsComma = false

    private static let escapes = [UInt8]("0123456789abcdef".utf8)

    package init(capacity: Int = 256) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Goes on at the end of `bytes`.
    package init(appendingTo bytes: consuming [UInt8]) { self.bytes = bytes }

    /// The text so far.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// `{ … }`; the body writes members.
    package mutating func object(
        _ body: (inout JSONWriter) throws -> Void
    ) rethrows {
        open(0x7B)
        try body(&self)
        close(0x7D)
    }

    /// `[ … ]`; the body writes values.
    package mutating func array(_ body: (inout JSONWriter) throws -> Void) rethrows {
        open(0x5B)
        try body(&self)
        close(0x5D)
    }

    /// An array of one value per element.
    package mutating func array<Elements: Sequence>(
        _ elements: Elements, _ body: (inout JSONWriter, Elements.Element) throws -> Void
    ) rethrows {
        try array { json in
            for element in elements { try body(&json, element) }
        }
    }

    package mutating func value(_ text: some StringProtocol) { string(text.utf8) }

    /// A string whose bytes are given.
    ///
    /// - Parameter utf8: valid UTF-8; a path is.
    package mutating func value(utf8: some Sequence<UInt8>) { string(utf8) }

    package mutating func value(_ number: some BinaryInteger) { raw(String(number)) }

    package mutating func value(_ truth: Bool) { raw(truth ? "true" : "false") }

    /// A number; what JSON cannot write (not a number, infinity) becomes null.
    package mutating func value(_ number: Double) {
        number.isFinite ? raw(number.description) : null()
    }

    package mutating func null() { raw("null") }

    package mutating func member(_ key: String, _ text: some StringProtocol) {
        self.key(key)
        value(text)
    }

    package mutating func member(_ key: String, _ number: some BinaryInteger) {
        self.key(key)
        value(number)
    }

    package mutating func member(_ key: String, _ truth: Bool) {
        self.key(key)
        value(truth)
    }

    package mutating func member(_ key: String, _ number: Double) {
        self.key(key)
        value(number)
    }

    /// A member whose value the body writes: exactly one.
    package mutating func member(
        _ key: String, _ body: (inout JSONWriter) throws -> Void
    ) rethrows {
        self.key(key)
        try body(&self)
    }

    /// The name of the member whose value is written next.
    package mutating func key(_ name: String) {
        string(name.utf8)
        bytes.append(0x3A)
        needsComma = false
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(0x2C) }
        needsComma = true
    }

    private mutating func raw(_ token: String) {
        separate()
        bytes.append(contentsOf: token.utf8)
    }

    private mutating func string(_ utf8: some Sequence<UInt8>) {
        separate()
        bytes.append(0x22)
        for byte in utf8 {
            switch byte {
            case 0x22, 0x5C: bytes += [0x5C, byte]
            case 0x0A: bytes += [0x5C, 0x6E]
            case 0x0D: bytes += [0x5C, 0x72]
            case 0x09: bytes += [0x5C, 0x74]
            case 0..<0x20, 0x7F:
                bytes += [0x5C, 0x75, 0x30, 0x30]
                bytes += [
                    JSONWriter.escapes[Int(byte >> 4)], JSONWriter.escapes[Int(byte & 15)],
                ]
            default: bytes.append(byte)
            }
        }
        bytes.append(0x22)
    }
}
