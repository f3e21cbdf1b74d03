package import Model

/// A lock token as clients see it: `urn:uuid:` and 128 bits (RFC 4918 section 6.5, RFC 9562).
package struct StateToken: Hashable, Sendable {
    package var bits: Bits128

    private static let scheme = [UInt8]("urn:uuid:".utf8)
    /// What older clients were told, and some still write.
    private static let oldScheme = [UInt8]("opaquelocktoken:".utf8)

    package init(bits: Bits128) { self.bits = bits }

    /// - Parameter uri: without the angle brackets.
    /// - Returns: nil for what none of our locks is called.
    package init?(uri: ArraySlice<UInt8>) {
        let lowered = uri.map(ASCII.lowered)
        let rest: ArraySlice<UInt8>
        if lowered.starts(with: StateToken.scheme) {
            rest = lowered[StateToken.scheme.count...]
        } else if lowered.starts(with: StateToken.oldScheme) {
            rest = lowered[StateToken.oldScheme.count...]
        } else {
            return nil
        }
        guard rest.count == 36 else { return nil }
        var digits: [UInt8] = []
        for (offset, byte) in rest.enumerated() {
            if [8, 13, 18, 23].contains(offset) {
                guard byte == 0x2D else { return nil }
            } else {
                digits.append(byte)
            }
        }
        guard let bytes = Hex.decode(digits), bytes.count == 16 else { return nil }
        var bits = Bits128(high: 0, low: 0)
        for byte in bytes {
            bits = Bits128(high: bits.high << 8 | bits.low >> 56, low: bits.low << 8 | UInt64(byte))
        }
        self.bits = bits
    }

    /// `urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6`.
    package var uri: [UInt8] {
        var out = StateToken.scheme
        for index in 0..<16 {
            if [4, 6, 8, 10].contains(index) { out.append(0x2D) }
            let word = index < 8 ? bits.high : bits.low
            let byte = UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (index & 7)))
            out += Hex.encodedBytes([byte])
        }
        return out
    }

    /// A Lock-Token header: the URI in angle brackets (RFC 4918 section 10.5).
    package init(lockTokenField field: ArraySlice<UInt8>?) throws(DAVFault) {
        guard let field else { throw DAVFault(.badRequest, "The Lock-Token header is missing.") }
        let value = ASCII.trimmed(field)
        guard value.count > 2, value.first == 0x3C, value.last == 0x3E else {
            throw DAVFault(.badRequest, "The Lock-Token header is no URI in angle brackets.")
        }
        guard let token = StateToken(uri: value.dropFirst().dropLast()) else {
            // Of another server: no lock of ours has it (section 9.11.1).
            throw DAVFault(
                .conflict, "No lock has that token.", condition: .lockTokenMatchesRequestURI)
        }
        self = token
    }

    /// The value of a Lock-Token header.
    package var codedURL: [UInt8] { [0x3C] + uri + [0x3E] }
}
