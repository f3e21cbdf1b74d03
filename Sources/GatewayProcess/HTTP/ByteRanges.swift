/// The ranges that a request asks for, fitted to a size (RFC 9110, section 14).
enum ByteRanges: Equatable {
    /// Answer the whole: no Range, another unit, nonsense, too many or overlapping ranges.
    case whole
    /// In the order asked for.
    case parts([Range<UInt64>])
    /// 416.
    case unsatisfiable

    init(_ field: ArraySlice<UInt8>?, byteCount: UInt64) {
        guard let field, field.count > 6, Token.equal(field.prefix(6), "bytes=") else {
            self = .whole
            return
        }
        var parts: [Range<UInt64>] = []
        let specs = Token.list(field.dropFirst(6))
        // Many small ranges cost more than the whole and nobody needs them.
        guard !specs.isEmpty, specs.count <= GatewayLimits.rangeCountMax else {
            self = .whole
            return
        }
        for spec in specs {
            switch ByteRanges.part(spec, byteCount: byteCount) {
            case .invalid:
                self = .whole
                return
            case .unsatisfiable: continue
            case .part(let part): parts.append(part)
            }
        }
        if parts.isEmpty {
            self = .unsatisfiable
        } else {
            self = ByteRanges.overlap(parts) ? .whole : .parts(parts)
        }
    }

    private enum Part {
        case invalid
        case unsatisfiable
        case part(Range<UInt64>)
    }

    private static func part(_ spec: ArraySlice<UInt8>, byteCount: UInt64) -> Part {
        guard let dash = spec.firstIndex(of: 0x2D) else { return .invalid }
        let before = Token.trimmed(spec[..<dash])
        let after = Token.trimmed(spec[(dash + 1)...])
        if before.isEmpty {
            guard let suffix = Token.number(after) else { return .invalid }
            guard suffix > 0, byteCount > 0 else { return .unsatisfiable }
            return .part(byteCount - min(suffix, byteCount)..<byteCount)
        }
        guard let first = Token.number(before) else { return .invalid }
        var end = byteCount
        if !after.isEmpty {
            guard let last = Token.number(after), last >= first else { return .invalid }
            end = min(last + 1, byteCount)
        }
        return first < byteCount ? .part(first..<end) : .unsatisfiable
    }

    private static func overlap(_ parts: [Range<UInt64>]) -> Bool {
        let sorted = parts.sorted { $0.lowerBound < $1.lowerBound }
        return zip(sorted, sorted.dropFirst()).contains { $0.upperBound > $1.lowerBound }
    }
}
