@_spi(_Unicode) internal import Swift

extension StorePath {
    /// The bytes in normalization form C, as paths are from the edge on; nil where they are not
    /// UTF-8.
    package static func normalized(_ bytes: [UInt8]) -> [UInt8]? {
        if bytes.allSatisfy({ $0 < 0x80 }) { return bytes }
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        for scalar in text._nfc { out.append(contentsOf: UTF8.encode(scalar) ?? .init()) }
        return out
    }
}
