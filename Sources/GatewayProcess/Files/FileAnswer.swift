internal import IPC
internal import Model
internal import NIOCore

/// The answer to GET and HEAD of a file.
struct FileAnswer {
    let exchange: Exchange
    let path: StorePath
    let file: FoundFile
    let isAttachment: Bool
    let isDAV: Bool

    private var facts: FileFacts { file.facts }
    private var content: FoundFile.Content { file.content }

    func send() {
        do throws(Problem) {
            let year = exchange.context.presentYear
            let fields = exchange.head.fields
            let conditions = try ReadConditions(fields, presentYear: year)
            switch conditions.outcome(digest: facts.digest, modified: facts.modified) {
            case .failed:
                throw Problem(
                    .preconditionFailed, "precondition_failed",
                    "The file is not in the state that the request demands.")
            case .notModified:
                exchange.respondWithoutBody(.notModified) { head in writeValidators(&head) }
            case .proceed:
                // Range means something for GET alone (RFC 9110, section 14.2).
                let applies =
                    exchange.head.method == .get && fields.contains(.range)
                    && ReadConditions.rangeApplies(
                        fields, digest: facts.digest, modified: facts.modified, presentYear: year)
                let range = applies ? fields[.range] : nil
                send(ByteRanges(range, byteCount: facts.byteCount))
            }
        } catch {
            exchange.fail(error)
        }
    }

    private func send(_ ranges: ByteRanges) {
        switch ranges {
        case .unsatisfiable: sendUnsatisfiable()
        case .whole: sendWhole()
        case .parts(let parts) where parts.count == 1: sendPart(parts[0])
        case .parts(let parts): sendParts(parts)
        }
    }

    private func sendUnsatisfiable() {
        let problem = Problem(
            .rangeNotSatisfiable, "range", "The file has \(facts.byteCount) bytes.")
        exchange.respond(.rangeNotSatisfiable, body: ErrorAnswer.json(problem)) { head in
            ErrorAnswer.fields(problem, isForPrograms: true, to: &head)
            head.field("Content-Range", "bytes */\(facts.byteCount)")
        }
    }

    private func sendWhole() {
        switch content {
        case .inline(let bytes):
            exchange.respond(.ok, body: bytes) { head in
                head.field("Content-Type", facts.contentType)
                writeFields(&head)
            }
        case .none, .file, .windows, .remote:
            let isWhole = content.isFile && facts.byteCount > 0
            stream(
                .ok, byteCount: facts.byteCount, isWhole ? [.file(0..<facts.byteCount)] : [],
                isWhole: isWhole && exchange.head.method == .get
            ) { head in
                head.field("Content-Type", facts.contentType)
            }
        }
    }

    private func sendPart(_ part: Range<UInt64>) {
        let describe: (inout HeadWriter) -> Void = { head in
            head.field("Content-Type", facts.contentType)
            head.field("Content-Range", contentRange(part))
        }
        switch content {
        case .inline(let bytes):
            exchange.respond(
                .partialContent, body: bytes[Int(part.lowerBound)..<Int(part.upperBound)]
            ) { head in
                describe(&head)
                writeFields(&head)
            }
        case .file, .windows, .remote:
            stream(
                .partialContent, byteCount: UInt64(part.count), [.file(part)], fields: describe)
        case .none: sendWhole()
        }
    }

    /// `multipart/byteranges` (RFC 9110, section 14.6).
    private func sendParts(_ parts: [Range<UInt64>]) {
        let boundary = exchange.context.makeOperationID().hex
        var segments: [FileSource.Segment] = []
        var byteCount: UInt64 = 0
        func add(_ text: String) {
            segments.append(.bytes(ByteBuffer(string: text)))
            byteCount += UInt64(text.utf8.count)
        }
        for part in parts {
            add(
                "\r\n--\(boundary)\r\nContent-Type: \(facts.contentType)\r\n"
                    + "Content-Range: \(contentRange(part))\r\n\r\n")
            byteCount += UInt64(part.count)
            switch content {
            case .inline(let bytes):
                let slice = bytes[Int(part.lowerBound)..<Int(part.upperBound)]
                segments.append(.bytes(ByteBuffer(bytes: slice)))
            case .file, .windows, .remote: segments.append(.file(part))
            case .none: break
            }
        }
        add("\r\n--\(boundary)--\r\n")
        stream(.partialContent, byteCount: byteCount, segments) { head in
            head.field("Content-Type", "multipart/byteranges; boundary=\(boundary)")
        }
    }

    private func contentRange(_ part: Range<UInt64>) -> String {
        "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(facts.byteCount)"
    }

    private func stream(
        _ status: Status, byteCount: UInt64, _ segments: [FileSource.Segment],
        isWhole: Bool = false,
        fields: @escaping (inout HeadWriter) -> Void
    ) {
        let exchange = exchange
        let opening = ContentOpening(
            context: exchange.context, path: path, file: file, taker: .socket
        ) { exchange.resumeSource() }
        opening.open(segments) { result in
            switch result {
            case .failure(let problem): exchange.fail(problem)
            case .success(let source):
                exchange.stream(
                    status, byteCount: byteCount, from: isWhole ? opening.verified(source) : source
                ) { head in
                    fields(&head)
                    writeFields(&head)
                }
            }
        }
    }

    // MARK: Fields

    /// What a 304 has too (RFC 9110, section 15.4.5).
    private func writeValidators(_ head: inout HeadWriter, hex: [UInt8]) {
        head.field("ETag", bytes: isDAV ? EntityTag.short(facts.digest) : [0x22] + hex + [0x22])
        head.field("Last-Modified", bytes: HTTPDate.format(unixSeconds: facts.modified.seconds))
        head.field("X-ClusterF-Version", bytes: facts.versionBytes)
    }

    private func writeValidators(_ head: inout HeadWriter) {
        writeValidators(&head, hex: Hex.encodedBytes(facts.digest.bytes))
    }

    private func writeFields(_ head: inout HeadWriter) {
        let hex = Hex.encodedBytes(facts.digest.bytes)
        writeValidators(&head, hex: hex)
        let modified = RFC3339.format(facts.modified)
        let created =
            facts.created == facts.modified ? modified : RFC3339.format(facts.created)
        head.field("X-ClusterF-Created-At", bytes: created)
        head.field("X-ClusterF-Modified-At", bytes: modified)
        head.field("X-ClusterF-Checksum", bytes: hex)
        // A user's file must not be able to act as a page of this node: hence the last two.
        head.lines(
            """
            Accept-Ranges: bytes\r
            X-ClusterF-Is-Directory: false\r
            X-Content-Type-Options: nosniff\r
            Content-Security-Policy: sandbox\r\n
            """)
        if isAttachment { head.field("Content-Disposition", bytes: Disposition.attachment(path)) }
    }
}

extension FileFacts {
    /// `versionName`, without the detour over a `String`.
    fileprivate var versionBytes: [UInt8] {
        Hex.encodedBytes(dot.disk.bytes) + [0x2E] + [UInt8](String(dot.sequence).utf8)
    }
}

/// The name that a browser saves a file under (RFC 6266; RFC 8187 for other than ASCII).
enum Disposition {
    static func attachment(_ path: StorePath) -> [UInt8] {
        var plain: [UInt8] = []
        for byte in path.name {
            plain.append(byte >= 0x20 && byte < 0x7F && byte != 0x22 && byte != 0x5C ? byte : 0x5F)
        }
        return [UInt8]("attachment; filename=\"".utf8) + plain
            + [UInt8]("\"; filename*=UTF-8''".utf8)
            + PercentEncoding.encode(path.name, keepingSlash: false)
    }
}

/// An answer's body that lies in memory.
final class BytesSource: BodySource {
    private var segments: ArraySlice<ByteBuffer>

    init(_ segments: [FileSource.Segment]) {
        self.segments =
            segments.compactMap { segment in
                if case .bytes(let bytes) = segment { bytes } else { nil }
            }[...]
    }

    func next() -> BodyPart {
        guard let first = segments.popFirst() else { return .end }
        return .bytes(first)
    }

    func closed() {}
}
