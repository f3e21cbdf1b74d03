internal import Model

/// The `name=value` pairs after a `?`. A name that occurs twice counts the first time.
struct Query {
    private var pairs: [(name: [UInt8], value: [UInt8])] = []

    static let none = Query()

    private init() {}

    /// - Returns: nil where an escape is broken.
    init?(_ text: ArraySlice<UInt8>) {
        for pair in text.split(separator: 0x26) {
            let cut = pair.firstIndex(of: 0x3D) ?? pair.endIndex
            let rest = cut < pair.endIndex ? pair[(cut + 1)...] : []
            guard let name = PercentEncoding.decode(pair[..<cut], plusIsSpace: true),
                let value = PercentEncoding.decode(rest, plusIsSpace: true)
            else { return nil }
            pairs.append((name, value))
        }
    }

    /// The value's bytes.
    subscript(name: StaticString) -> [UInt8]? {
        if pairs.isEmpty { return nil }
        let wanted = [UInt8]("\(name)".utf8)
        return pairs.first { $0.name == wanted }?.value
    }

    /// Whether the parameter is there and says `1` or `true`.
    func isSet(_ name: StaticString) -> Bool {
        guard let value = self[name] else { return false }
        return value.elementsEqual("1".utf8) || value.elementsEqual("true".utf8)
    }
}
