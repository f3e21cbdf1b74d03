/// Which bytes of a file a request replaces.
package enum PartialWrite: Hashable, Sendable {
    /// From there on as many as the body has.
    case from(UInt64)
    /// Exactly these.
    case bytes(ClosedRange<UInt64>)
    /// The body goes behind the end.
    case append
    /// The last so many; fewer where the file is shorter.
    case last(UInt64)

    /// A PUT's Content-Range: `bytes 0-99/200`, `bytes 0-99/*` (RFC 9110 sections 14.4 and 14.5).
    package init(contentRange field: ArraySlice<UInt8>) throws(DAVFault) {
        let value = ASCII.trimmed(field)
        guard ASCII.equalIgnoringCase(value.prefix(6), "bytes "),
            let slash = value.firstIndex(of: 0x2F)
        else { throw DAVFault(.badRequest, "The Content-Range is not one of bytes.") }
        let total = value[(slash + 1)...]
        guard case .bytes(let range)? = PartialWrite(span: value.dropFirst(6)[..<slash]),
            total.elementsEqual([0x2A])
                || ASCII.number(total).map({ $0 > range.upperBound }) == true
        else { throw DAVFault(.badRequest, "The Content-Range names no bytes to write.") }
        self = .bytes(range)
    }

    /// A PATCH's X-Update-Range: `append`, `bytes=0-99`, `bytes=100-`, `bytes=-10` (SabreDAV, HTTP
    /// PATCH support).
    package init(updateRange field: ArraySlice<UInt8>?) throws(DAVFault) {
        guard let field else {
            throw DAVFault(.badRequest, "The X-Update-Range header is missing.")
        }
        let value = ASCII.trimmed(field)
        if ASCII.equalIgnoringCase(value, "append") {
            self = .append
            return
        }
        guard ASCII.equalIgnoringCase(value.prefix(6), "bytes="),
            let write = PartialWrite(span: value.dropFirst(6))
        else { throw DAVFault(.badRequest, "The X-Update-Range is none.") }
        self = write
    }

    /// The media type that such a PATCH has.
    package static let patchContentType = "application/x-sabredav-partialupdate"

    /// Whether a Content-Type, whatever its parameters, is that of such a PATCH; else 415.
    package static func isPatch(contentType field: ArraySlice<UInt8>?) -> Bool {
        guard let field else { return false }
        return ASCII.equalIgnoringCase(
            ASCII.trimmed(field.prefix { $0 != 0x3B }), patchContentType)
    }

    /// `first-last`, `first-`, `-count`.
    private init?(span: ArraySlice<UInt8>) {
        guard let dash = span.firstIndex(of: 0x2D) else { return nil }
        let first = span[..<dash]
        let last = span[(dash + 1)...]
        if first.isEmpty {
            guard let count = ASCII.number(last) else { return nil }
            self = .last(count)
            return
        }
        guard let start = ASCII.number(first) else { return nil }
        if last.isEmpty {
            self = .from(start)
            return
        }
        // The end behind it has to be a number too.
        guard let end = ASCII.number(last), end >= start, end < .max else { return nil }
        self = .bytes(start...end)
    }

    /// Where the body goes.
    ///
    /// - Parameters:
    ///   - bodyByteCount: of the request; nil where it does not say.
    ///   - fileByteCount: as it is.
    /// - Throws: 411 where the length has to be known, 400 where a PUT's does not fit, 416 where the
    ///   place does not: no write may leave a gap.
    package func resolved(
        bodyByteCount: UInt64?, fileByteCount: UInt64
    ) throws(DAVFault) -> Range<UInt64> {
        guard let bodyByteCount else {
            throw DAVFault(.lengthRequired, "A part of a file is written with a Content-Length.")
        }
        let start: UInt64
        switch self {
        case .append: start = fileByteCount
        case .from(let first): start = first
        case .last(let count): start = fileByteCount - min(count, fileByteCount)
        case .bytes(let range):
            guard range.upperBound - range.lowerBound + 1 == bodyByteCount else {
                throw DAVFault(.badRequest, "The range is not as long as the body.")
            }
            start = range.lowerBound
        }
        guard start <= fileByteCount else {
            throw DAVFault(.rangeNotSatisfiable, "The file ends before the range begins.")
        }
        let (end, overflow) = start.addingReportingOverflow(bodyByteCount)
        guard !overflow else {
            throw DAVFault(.rangeNotSatisfiable, "The range ends beyond all files.")
        }
        return start..<end
    }
}
