/// Which bytes of a file a request writes: as many as its body has, from some place on.
package struct PartialWrite: Hashable, Sendable {
    package enum Place: Hashable, Sendable {
        case offset(UInt64)
        /// Behind the last byte.
        case end
        /// So many bytes before the end; the beginning where the file is shorter.
        case beforeEnd(UInt64)
    }

    package var place: Place
    /// Of the body.
    package var byteCount: UInt64

    package init(_ place: Place, byteCount: UInt64) {
        self.place = place
        self.byteCount = byteCount
    }

    /// A PUT's Content-Range: `bytes 0-99/200`, `bytes 0-99/*` (RFC 9110 sections 14.4 and 14.5). The
    /// length at its end has to lie behind the range, and means nothing else: what follows the range stays.
    ///
    /// - Parameter bodyByteCount: nil where the request does not say.
    /// - Throws: 400 where it is none, or not as long as the body; 411 without a length.
    package init(
        contentRange field: ArraySlice<UInt8>, bodyByteCount: UInt64?
    ) throws(DAVFault) {
        let value = ASCII.trimmed(field)
        guard ASCII.equalIgnoringCase(value.prefix(6), "bytes "),
            let slash = value.firstIndex(of: 0x2F)
        else { throw DAVFault(.badRequest, "The Content-Range is not one of bytes.") }
        let total = value[(slash + 1)...]
        guard case .bytes(let first, let last)? = Span(value.dropFirst(6)[..<slash]),
            first <= last,
            total.elementsEqual([0x2A]) || ASCII.number(total).map({ $0 > last }) == true
        else { throw DAVFault(.badRequest, "The Content-Range names no bytes to write.") }
        self.init(.offset(first), byteCount: try PartialWrite.length(bodyByteCount))
        guard last - first + 1 == byteCount else {
            throw DAVFault(.badRequest, "The Content-Range is not as long as the body.")
        }
    }

    /// A PATCH's X-Update-Range: `append`, `bytes=0-99`, `bytes=100-`, `bytes=-10` (SabreDAV, HTTP
    /// PATCH support).
    ///
    /// - Parameter bodyByteCount: nil where the request does not say.
    /// - Throws: 400 where it is none, 411 without a length, 416 where the bytes do not fit it.
    package init(
        updateRange field: ArraySlice<UInt8>?, bodyByteCount: UInt64?
    ) throws(DAVFault) {
        guard let field else {
            throw DAVFault(.badRequest, "The X-Update-Range header is missing.")
        }
        let value = ASCII.trimmed(field)
        if ASCII.equalIgnoringCase(value, "append") {
            self.init(.end, byteCount: try PartialWrite.length(bodyByteCount))
            return
        }
        guard ASCII.equalIgnoringCase(value.prefix(6), "bytes="),
            let span = Span(value.dropFirst(6))
        else {
            throw DAVFault(
                .badRequest, "The X-Update-Range is neither append nor bytes=FIRST-LAST.")
        }
        let byteCount = try PartialWrite.length(bodyByteCount)
        switch span {
        case .from(let first): self.init(.offset(first), byteCount: byteCount)
        case .last(let count): self.init(.beforeEnd(count), byteCount: byteCount)
        case .bytes(let first, let last):
            guard first <= last, last - first + 1 == byteCount else {
                throw DAVFault(
                    .rangeNotSatisfiable, "The X-Update-Range is not as long as the body.")
            }
            self.init(.offset(first), byteCount: byteCount)
        }
    }

    private static func length(_ bodyByteCount: UInt64?) throws(DAVFault) -> UInt64 {
        guard let bodyByteCount else {
            throw DAVFault(.lengthRequired, "A part of a file is written with a Content-Length.")
        }
        return bodyByteCount
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
    private enum Span {
        case from(UInt64)
        /// As it was said: the last may come before the first.
        case bytes(UInt64, UInt64)
        case last(UInt64)

        init?(_ text: ArraySlice<UInt8>) {
            guard let dash = text.firstIndex(of: 0x2D) else { return nil }
            let first = text[..<dash]
            let last = text[(dash + 1)...]
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
            guard let end = ASCII.number(last), end < .max else { return nil }
            self = .bytes(start, end)
        }
    }

    /// Where the body goes. It may be behind the end: what lies between are zeros then. An empty body
    /// goes nowhere, and leaves the file as long as it is.
    ///
    /// - Parameter fileByteCount: as it is.
    /// - Throws: 416 where it ends beyond all files.
    package func range(fileByteCount: UInt64) throws(DAVFault) -> Range<UInt64> {
        let start: UInt64
        switch place {
        case .end: start = fileByteCount
        case .offset(let offset): start = byteCount == 0 ? min(offset, fileByteCount) : offset
        case .beforeEnd(let count): start = fileByteCount - min(count, fileByteCount)
        }
        let (end, overflow) = start.addingReportingOverflow(byteCount)
        guard !overflow else {
            throw DAVFault(.rangeNotSatisfiable, "The range ends beyond all files.")
        }
        return start..<end
    }
}
