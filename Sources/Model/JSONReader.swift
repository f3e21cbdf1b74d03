/// What a JSON text may be at most: it comes from the network.
package struct JSONLimits: Hashable, Sendable {
    package var byteCountMax: Int
    /// Arrays and objects inside each other; 0 allows none.
    package var depthMax: Int
    /// Values of all kinds, the names of members not counted.
    package var valueCountMax: Int

    package init(byteCountMax: Int, depthMax: Int, valueCountMax: Int) {
        self.byteCountMax = byteCountMax
        self.depthMax = depthMax
        self.valueCountMax = valueCountMax
    }

    /// What a person or a script asks for: 64 KiB, of which a request's body is at most.
    package static let request = JSONLimits(
        byteCountMax: 64 << 10, depthMax: 16, valueCountMax: 4096)
}

/// Why a text is not JSON, or not within its limits.
package struct JSONFault: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Reason: String, Hashable, Sendable {
        case tooLong = "it is too long"
        case tooDeep = "it is nested too deeply"
        case tooManyValues = "it has too many values"
        case unexpectedEnd = "it ends too early"
        case unexpectedByte = "a character that cannot stand there"
        case badNumber = "a number that is none"
        case badString = "a string with a character that must be escaped"
        case badEscape = "an escape that is none"
        case notUTF8 = "a string that is not UTF-8"
        case duplicateName = "two members of one name"
        case trailingBytes = "something follows the value"
    }

    package let reason: Reason
    /// Bytes from the start of the text to where it was noticed.
    package let offset: Int

    package var description: String { "\(reason.rawValue) (at byte \(offset))" }
}

/// Reads one JSON text (RFC 8259), strictly: UTF-8 without a byte order mark, no comments, no
/// trailing commas, no numbers but the grammar's, no lone surrogates, no two members of one name.
package struct JSONReader {
    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var index = 0
    private var valueCount = 0

    private init(_ bytes: [UInt8], _ limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// The one value that `bytes` are, with nothing but white space around it.
    package static func read(
        _ bytes: [UInt8], limits: JSONLimits = .request
    ) throws(JSONFault) -> JSONValue {
        guard bytes.count <= limits.byteCountMax else {
            throw JSONFault(reason: .tooLong, offset: limits.byteCountMax)
        }
        var reader = JSONReader(bytes, limits)
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.index == bytes.count else { throw reader.fault(.trailingBytes) }
        return value
    }

    private func fault(_ reason: JSONFault.Reason) -> JSONFault {
        JSONFault(reason: reason, offset: index)
    }

    // MARK: Bytes

    private var next: UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
            index += 1
        }
    }

    /// The next byte behind white space.
    private mutating func peek() throws(JSONFault) -> UInt8 {
        skipSpace()
        guard let byte = next else { throw fault(.unexpectedEnd) }
        return byte
    }

    private mutating func take(_ wanted: UInt8) throws(JSONFault) {
        guard try peek() == wanted else { throw fault(.unexpectedByte) }
        index += 1
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(JSONFault) -> JSONValue {
        let first = try peek()
        valueCount += 1
        guard valueCount <= limits.valueCountMax else { throw fault(.tooManyValues) }
        switch first {
        case 0x7B, 0x5B:
            guard depth < limits.depthMax else { throw fault(.tooDeep) }
            index += 1
            return first == 0x7B ? try object(depth: depth + 1) : try array(depth: depth + 1)
        case 0x22: return .string(try string())
        case 0x2D, 0x30...0x39: return .number(try number())
        case 0x74: return try word("true", .bool(true))
        case 0x66: return try word("false", .bool(false))
        case 0x6E: return try word("null", .null)
        default: throw fault(.unexpectedByte)
        }
    }

    private mutating func word(
        _ word: StaticString, _ value: JSONValue
    ) throws(JSONFault) -> JSONValue {
        for wanted in "\(word)".utf8 {
            guard let byte = next else { throw fault(.unexpectedEnd) }
            guard byte == wanted else { throw fault(.unexpectedByte) }
            index += 1
        }
        return value
    }

    /// Behind the bracket.
    private mutating func array(depth: Int) throws(JSONFault) -> JSONValue {
        var elements: [JSONValue] = []
        if try peek() == 0x5D {
            index += 1
            return .array([])
        }
        while true {
            elements.append(try value(depth: depth))
            if try ends(with: 0x5D) { return .array(elements) }
        }
    }

    /// Behind the brace.
    private mutating func object(depth: Int) throws(JSONFault) -> JSONValue {
        var members: [JSONValue.Member] = []
        var names: Set<String> = []
        if try peek() == 0x7D {
            index += 1
            return .object([])
        }
        while true {
            guard try peek() == 0x22 else { throw fault(.unexpectedByte) }
            let name = try string()
            guard names.insert(name).inserted else { throw fault(.duplicateName) }
            try take(0x3A)
            members.append(.init(name, try value(depth: depth)))
            if try ends(with: 0x7D) { return .object(members) }
        }
    }

    /// Takes a comma (false) or what closes the list (true).
    private mutating func ends(with closing: UInt8) throws(JSONFault) -> Bool {
        let byte = try peek()
        guard byte == 0x2C || byte == closing else { throw fault(.unexpectedByte) }
        index += 1
        return byte == closing
    }

    // MARK: Numbers

    /// `-`? int frac? exp? (RFC 8259, section 6).
    private mutating func number() throws(JSONFault) -> String {
        let start = index
        if next == 0x2D { index += 1 }
        if next == 0x30 {
            index += 1
            // A zero before other digits would be octal to some readers.
            if isDigit(next) { throw fault(.badNumber) }
        } else {
            try digits()
        }
        if next == 0x2E {
            index += 1
            try digits()
        }
        if next == 0x65 || next == 0x45 {
            index += 1
            if next == 0x2B || next == 0x2D { index += 1 }
            try digits()
        }
        return String(decoding: bytes[start..<index], as: UTF8.self)
    }

    private func isDigit(_ byte: UInt8?) -> Bool {
        byte.map { (0x30...0x39).contains($0) } ?? false
    }

    /// One or more.
    private mutating func digits() throws(JSONFault) {
        guard isDigit(next) else { throw fault(.badNumber) }
        while isDigit(next) { index += 1 }
    }

    // MARK: Strings

    private mutating func string() throws(JSONFault) -> String {
        index += 1
        let start = index
        var utf8: [UInt8] = []
        while true {
            guard let byte = next else { throw fault(.unexpectedEnd) }
            index += 1
            switch byte {
            case 0x22:
                guard let text = String(validating: utf8, as: UTF8.self) else {
                    throw JSONFault(reason: .notUTF8, offset: start)
                }
                return text
            case 0x5C: try escape(into: &utf8)
            case 0..<0x20:
                index -= 1
                throw fault(.badString)
            default: utf8.append(byte)
            }
        }
    }

    /// Behind the backslash.
    private mutating func escape(into utf8: inout [UInt8]) throws(JSONFault) {
        guard let byte = next else { throw fault(.unexpectedEnd) }
        index += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: utf8.append(byte)
        case 0x62: utf8.append(0x08)
        case 0x66: utf8.append(0x0C)
        case 0x6E: utf8.append(0x0A)
        case 0x72: utf8.append(0x0D)
        case 0x74: utf8.append(0x09)
        case 0x75: utf8.append(contentsOf: UTF8.encode(try scalar()) ?? .init())
        default:
            index -= 1
            throw fault(.badEscape)
        }
    }

    /// Behind `\u`: a scalar, which may take a pair of surrogates.
    private mutating func scalar() throws(JSONFault) -> Unicode.Scalar {
        let first = try fourDigits()
        var code = first
        if (0xD800..<0xDC00).contains(first) {
            guard next == 0x5C else { throw fault(.badEscape) }
            index += 1
            guard next == 0x75 else { throw fault(.badEscape) }
            index += 1
            let second = try fourDigits()
            guard (0xDC00..<0xE000).contains(second) else { throw fault(.badEscape) }
            code = 0x10000 + (first - 0xD800) << 10 + (second - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw fault(.badEscape) }
        return scalar
    }

    private mutating func fourDigits() throws(JSONFault) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next else { throw fault(.unexpectedEnd) }
            guard let nibble = Hex.nibble(byte) else { throw fault(.badEscape) }
            code = code << 4 | UInt32(nibble)
            index += 1
        }
        return code
    }
}
