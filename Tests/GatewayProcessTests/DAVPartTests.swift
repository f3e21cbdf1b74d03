import IPC
import Model
import NIOCore
import NIOEmbedded
import Testing

@testable import GatewayProcess

/// Parts of files: PATCH, and PUT with Content-Range.
@Suite struct DAVPartTests {
    /// How the store gives the present content.
    enum Kind: CaseIterable, Sendable {
        case inline
        case file
        case region
        case windows
    }

    private static let small = [UInt8]("0123456789".utf8)
    private static let large = (0..<(2 << 20) + 77).map { UInt8(truncatingIfNeeded: $0 / 251) }

    /// A store with one file, `/f`, and the collection `/d`; it keeps what is written.
    private final class Kept {
        let bench: Bench
        let staged: TemporaryFile
        let present: TemporaryFile
        var facts: FileFacts
        var kind: Kind
        var content: [UInt8]
        /// The commit and the put are refused so.
        var refusal: RemoteError.Code?
        var locks: [HeldLock] = []

        init(_ content: [UInt8], _ kind: Kind, _ settings: [String: String] = [:]) throws {
            bench = try Bench(settings)
            staged = try TemporaryFile()
            present = try TemporaryFile((kind == .region ? [1, 2, 3] : []) + content)
            facts = Bench.facts
            facts.byteCount = UInt64(content.count)
            facts.digest = ContentHasher.digest(of: content)
            facts.contentType = "image/x"
            self.kind = kind
            self.content = content
            bench.store.onRequest = { [unowned self] store, request in
                answer(store, request)
                return true
            }
        }

        private func answer(_ store: FakeStore, _ request: FakeStore.Received) {
            switch request.type {
            case .lookup:
                guard let asked = try? request.message(LookupRequest.self) else { return }
                switch asked.path.text {
                case "/f": asked.wantsContent ? found(store, request) : facts(store, request)
                case "/d":
                    store.answer(
                        request, LookupResponse.directory(modified: Timestamp(nanoseconds: 0)))
                default: store.fail(request, .notFound)
                }
            case .readContent: window(store, request)
            case .beginUpload: store.answer(request, Empty(), staged)
            case .put, .commitUpload:
                if let refusal { return store.fail(request, refusal) }
                var response = Bench.written
                response.outcome = .replaced
                store.answer(request, response)
            case .locks: store.answer(request, LocksResponse(locks: locks, isComplete: true))
            default: store.fail(request, .invalid)
            }
        }

        private func facts(_ store: FakeStore, _ request: FakeStore.Received) {
            store.answer(request, LookupResponse.file(facts))
        }

        private func found(_ store: FakeStore, _ request: FakeStore.Received) {
            switch kind {
            case .inline: store.answer(request, LookupResponse.inline(facts, content))
            case .file: store.answer(request, LookupResponse.descriptor(facts), present)
            case .region: store.answer(request, LookupResponse.region(facts, offset: 3), present)
            case .windows:
                let object = ObjectID(bits: Bits128(high: 7, low: 8))
                store.answer(request, LookupResponse.windows(facts, object))
            }
        }

        private func window(_ store: FakeStore, _ request: FakeStore.Received) {
            guard let asked = try? request.message(ReadContentRequest.self) else { return }
            let end = min(Int(asked.range.upperBound), content.count)
            let bytes = [UInt8](content[Int(asked.offset)..<end])
            if bytes.count <= IPCLimits.inlineContentByteCountMax {
                store.answer(request, OpenContentResponse.inline(bytes))
            } else if let file = try? TemporaryFile(bytes) {
                store.answer(
                    request, OpenContentResponse.descriptor(byteCount: UInt64(bytes.count)), file)
            }
        }

        /// What was stored; nil: nothing.
        func stored() throws -> (write: WriteRequest, content: [UInt8])? {
            guard
                let last = bench.store.received.last(where: {
                    $0.type == .put || $0.type == .commitUpload
                })
            else { return nil }
            if last.type == .put {
                let put = try last.message(PutRequest.self)
                return (put.write, put.content)
            }
            return (try last.message(WriteRequest.self), try staged.content)
        }

        func send(_ head: String, _ body: [UInt8]) throws -> String {
            try bench.send([UInt8](head.utf8) + body.prefix(1 << 20))
            if body.count > 1 << 20 { try bench.send([UInt8](body[(1 << 20)...])) }
            return try output()
        }

        func output() throws -> String {
            var text = ""
            for _ in 0..<50 {
                bench.store.pump()
                text += try bench.output()
            }
            return text
        }
    }

    private func patch(
        _ range: String, _ count: Int, path: String = "/f", _ fields: String = ""
    ) -> String {
        "PATCH \(path) HTTP/1.1\r\nHost: h\r\nContent-Length: \(count)\r\n"
            + "Content-Type: application/x-sabredav-partialupdate\r\n"
            + "X-Update-Range: \(range)\r\n\(fields)\r\n"
    }

    private func put(_ range: String, _ count: Int, path: String = "/f", _ fields: String = "")
        -> String
    {
        "PUT \(path) HTTP/1.1\r\nHost: h\r\nContent-Length: \(count)\r\n"
            + "Content-Range: bytes \(range)\r\nContent-Type: text/part\r\n\(fields)\r\n"
    }

    /// `content` with `body` at `start`.
    private func written(_ content: [UInt8], _ body: [UInt8], at start: Int) -> [UInt8] {
        let gap = [UInt8](repeating: 0, count: max(0, start - content.count))
        let rest = content.count > start + body.count ? content[(start + body.count)...] : []
        return content.prefix(start) + gap + body + rest
    }

    private func body(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
    }

    // MARK: Contents

    /// The table in SabreDAV's documents.
    @Test(arguments: [
        ("bytes=0-3", "----456789"), ("bytes=1-4", "0----56789"), ("bytes=0-", "----456789"),
        ("bytes=-4", "012345----"), ("bytes=-2", "01234567----"), ("bytes=2-", "01----6789"),
        ("bytes=12-", "0123456789\0\0----"), ("append", "0123456789----"),
    ])
    func aPartOfASmallFile(range: String, expected: String) throws {
        for kind in Kind.allCases {
            let kept = try Kept(Self.small, kind)
            let output = try kept.send(patch(range, 4), [UInt8]("----".utf8))
            #expect(output.hasPrefix("HTTP/1.1 204"), "\(kind)")
            let stored = try #require(try kept.stored())
            #expect(String(decoding: stored.content, as: UTF8.self) == expected, "\(kind)")
            let digest = ContentHasher.digest(of: stored.content)
            #expect(stored.write.digest == digest)
            let tag = String(decoding: EntityTag.short(digest), as: UTF8.self)
            #expect(output.contains("\r\nETag: \(tag)\r\n"))
            // A small content goes at once, as with any PUT.
            #expect(!kept.bench.store.types().contains(.beginUpload))
        }
    }

    @Test(arguments: [Kind.file, .region, .windows])
    func aPartOfALargeFile(kind: Kind) throws {
        let size = Self.large.count
        for (start, count) in [
            (0, 10), (0, 300_000), (1_000_003, 700_001), (size - 5, 5), (size - 5, 100_000),
            (size, 300_000), (size + 600_000, 10), (0, size), (0, size + 3),
        ] {
            let kept = try Kept(Self.large, kind)
            let body = body(count)
            let output = try kept.send(patch("bytes=\(start)-\(start + count - 1)", count), body)
            #expect(output.hasPrefix("HTTP/1.1 204"), "\(start) \(count): \(output)")
            let stored = try #require(try kept.stored())
            let isRight = stored.content == written(Self.large, body, at: start)
            #expect(isRight, "\(start) \(count)")
            #expect(stored.write.byteCount == UInt64(stored.content.count))
            #expect(stored.write.digest == ContentHasher.digest(of: stored.content))
            #expect(kept.bench.context.link.openUploadCount == 0)
            #expect(kept.bench.context.unverified.byteCount == 0)
        }
    }

    /// Nothing changes but the version.
    @Test func anEmptyPartLeavesTheFileAsItIs() throws {
        for range in ["append", "bytes=100-", "bytes=3-"] {
            let kept = try Kept(Self.small, .inline)
            #expect(try kept.send(patch(range, 0), []).hasPrefix("HTTP/1.1 204"))
            #expect(try kept.stored()?.content == Self.small)
        }
    }

    @Test func aPutMayMakeTheFileAndLeaveZerosBefore() throws {
        let kept = try Kept(Self.small, .inline)
        let output = try kept.send(put("3-5/9", 3, path: "/d/new"), [UInt8]("abc".utf8))
        #expect(output.hasPrefix("HTTP/1.1 204"))
        let stored = try #require(try kept.stored())
        #expect(stored.content == [0, 0, 0] + [UInt8]("abc".utf8))
        #expect(stored.write.conditions == WriteConditions(ifNoneMatch: .any))
        #expect(stored.write.contentType == "text/part")
    }

    /// What a PUT of the whole keeps, this keeps; and the type, of which a part says nothing.
    @Test func whatIsKnownOfTheFileStays() throws {
        for head in [
            patch("append", 2, "X-OC-Mtime: 5\r\n"), put("10-11/*", 2, "X-OC-Mtime: 5\r\n"),
        ] {
            let kept = try Kept(Self.small, .inline)
            let output = try kept.send(head, [65, 66])
            #expect(output.contains("\r\nX-OC-MTime: accepted\r\n"))
            let write = try #require(try kept.stored()).write
            #expect(write.contentType == "image/x")
            #expect(write.created == nil)
            #expect(write.modified == Timestamp(nanoseconds: 5_000_000_000))
            #expect(write.conditions == WriteConditions(ifMatch: .digests([kept.facts.digest])))
        }
    }

    @Test func aLockedFileIsWrittenWithItsToken() throws {
        let kept = try Kept(Self.small, .inline)
        let token = LockToken(bits: Bits128(high: 0, low: 1))
        kept.locks = [
            HeldLock(
                root: try davPath("/f"), token: token, owner: [], scope: .exclusive, depth: .zero,
                seconds: 100, secondsLeft: 100)
        ]
        let states = "If: (<urn:uuid:00000000-0000-0000-0000-000000000001>)\r\n"
        let output = try kept.send(patch("append", 1, states), [65])
        #expect(output.hasPrefix("HTTP/1.1 204"), "\(output)")
        #expect(try kept.stored()?.write.conditions.tokens == [token])
        kept.refusal = .locked
        #expect(try kept.send(patch("append", 1), [65]).hasPrefix("HTTP/1.1 423"))
    }

    // MARK: Refusals

    @Test(arguments: [
        ("bytes=0-3", 3, "/f", 416), ("bytes=3-0", 4, "/f", 416), ("bytes", 4, "/f", 400),
        ("bytes=18446744073709551614-", 4, "/f", 416), ("append", 4, "/none", 404),
        ("append", 4, "/d", 405), ("append", 4, "/d/", 405), ("append", 4, "/f/", 404),
        ("bytes=996-", 5, "/f", 413), ("bytes=995-", 5, "/f", 204),
    ])
    func aPatchThatCannotBeIsRefused(
        range: String, count: Int, path: String, status: Int
    ) throws {
        let kept = try Kept(Self.small, .inline, ["max_body_bytes": "1000"])
        let output = try kept.send(patch(range, count, path: path), body(count))
        #expect(output.hasPrefix("HTTP/1.1 \(status)"), "\(output)")
        #expect(try kept.stored() == nil || status == 204)
        if status == 405 { #expect(output.contains("PATCH, DELETE")) }
    }

    @Test(arguments: [
        ("0-3/10", 3, "/f", 400), ("0-3/2", 4, "/f", 400), ("*/4", 4, "/f", 400),
        ("0-3/*", 4, "/d", 405), ("0-3/*", 4, "/none/f", 409), ("0-3/*", 4, "/new", 204),
        ("0-3/*", 4, "/api/files/f", 400),
    ])
    func aPutOfAPartThatCannotBeIsRefused(
        range: String, count: Int, path: String, status: Int
    ) throws {
        let kept = try Kept(Self.small, .inline)
        let output = try kept.send(put(range, count, path: path), body(count))
        #expect(output.hasPrefix("HTTP/1.1 \(status)"), "\(output)")
        #expect(try kept.stored() == nil || status == 204)
    }

    @Test func theTypeAndTheLengthAreNeeded() throws {
        let kept = try Kept(Self.small, .inline)
        let type = "Content-Type: application/x-sabredav-partialupdate\r\n"
        let range = "X-Update-Range: append\r\n"
        for (fields, status) in [
            (type + range, 411), (type + range + "Transfer-Encoding: chunked\r\n", 411),
            (range + "Content-Length: 0\r\n", 415),
            (range + "Content-Type: text/plain\r\nContent-Length: 0\r\n", 415),
            (type + "Content-Length: 0\r\n", 400),
            (type + range + range + "Content-Length: 0\r\n", 400),
        ] {
            let kept = try Kept(Self.small, .inline)
            let output = try kept.send("PATCH /f HTTP/1.1\r\nHost: h\r\n\(fields)\r\n", [])
            #expect(output.hasPrefix("HTTP/1.1 \(status)"), "\(fields) \(output)")
        }
        let chunked =
            "PUT /f HTTP/1.1\r\nHost: h\r\nContent-Range: bytes 0-1/*\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n"
        #expect(try kept.send(chunked, []).hasPrefix("HTTP/1.1 411"))
    }

    @Test func optionsSayThatThereAreParts() throws {
        let kept = try Kept(Self.small, .inline)
        let output = try kept.send("OPTIONS /f HTTP/1.1\r\nHost: h\r\n\r\n", [])
        #expect(output.contains("\r\nDAV: 1, 2, 3, sabredav-partialupdate\r\n"))
        #expect(output.contains(" PATCH,"))
    }

    @Test func thePartsDigestIsChecked() throws {
        for (said, status) in [([UInt8]("xy".utf8), 204), ([UInt8]("xz".utf8), 422)] {
            let kept = try Kept(Self.large, .file)
            let field = "X-ClusterF-Checksum: \(ContentHasher.digest(of: said).hex)\r\n"
            let output = try kept.send(patch("append", 2, field), [UInt8]("xy".utf8))
            #expect(output.hasPrefix("HTTP/1.1 \(status)"), "\(output)")
            #expect(try (kept.stored() == nil) == (status == 422))
            #expect(kept.bench.context.link.openUploadCount == 0)
        }
    }

    // MARK: Others who write

    /// Who demanded a state hears that it is another one; who demanded nothing hears of a conflict.
    @Test func aFileThatChangedMeanwhileIsNotWritten() throws {
        for kind in [Kind.inline, .file] {
            let content = kind == .inline ? Self.small : Self.large
            for code in [RemoteError.Code.preconditionFailed, .preconditionFailedInReach] {
                let kept = try Kept(content, kind)
                kept.refusal = code
                let output = try kept.send(patch("append", 1), [65])
                #expect(output.hasPrefix("HTTP/1.1 409"), "\(output)")
                #expect(output.contains("send it again"))
                #expect(
                    output.contains("X-ClusterF-Consistency: reachable")
                        == (code == .preconditionFailedInReach))
                let demand = "If-Match: \"\(kept.facts.digest)\"\r\n"
                #expect(
                    try kept.send(patch("append", 1, demand), [65]).hasPrefix("HTTP/1.1 412"))
            }
        }
    }

    /// Between the look at the rules and the look at the content.
    @Test func anotherContentThanTheRulesSawIsNotWritten() throws {
        let kept = try Kept(Self.small, .inline)
        let answer = kept.bench.store.onRequest
        var looks = 0
        kept.bench.store.onRequest = { store, request in
            if request.type == .lookup,
                (try? request.message(LookupRequest.self))?.wantsContent == true
            {
                looks += 1
                if looks == 2 {
                    store.fail(request, .notFound)
                    return true
                }
                kept.facts.digest = ContentHasher.digest(of: [1])
            }
            return answer(store, request)
        }
        #expect(try kept.send(patch("append", 1), [65]).hasPrefix("HTTP/1.1 409"))
        #expect(try kept.send(patch("append", 1), [65]).hasPrefix("HTTP/1.1 409"))
        #expect(looks == 2)
        #expect(try kept.stored() == nil)
    }

    // MARK: Damage and ends

    /// Also where the wrong byte is replaced: the file is damaged, and that is not to be covered up.
    @Test(arguments: [0, 1 << 20, (2 << 20) + 76])
    func nothingIsMadeOfADamagedContent(index: Int) throws {
        for range in ["append", "bytes=0-", "bytes=1048576-", "bytes=3000000-"] {
            let kept = try Kept(Self.large, .file)
            try kept.present.overwrite([Self.large[index] ^ 1], at: Int64(index))
            let output = try kept.send(patch(range, 10), body(10))
            #expect(output.hasPrefix("HTTP/1.1 503"), "\(range) \(output)")
            #expect(try kept.stored() == nil)
            #expect(try kept.bench.suspects() == [davPath("/f")])
            #expect(kept.bench.context.link.openUploadCount == 0)
        }
    }

    @Test func aContentThatWasVerifiedAMomentAgoIsVerifiedAgain() throws {
        let kept = try Kept(Self.large, .file)
        #expect(try kept.send(patch("append", 1), [65]).hasPrefix("HTTP/1.1 204"))
        let count = kept.bench.store.received.count
        try kept.present.overwrite([Self.large[5] ^ 1], at: 5)
        #expect(try kept.send(patch("append", 1), [65]).hasPrefix("HTTP/1.1 503"))
        #expect(!kept.bench.store.received[count...].contains { $0.type == .commitUpload })
    }

    @Test func aContentThatCannotBeReadIsSaidSo() throws {
        let kept = try Kept(Self.large, .windows)
        let answer = kept.bench.store.onRequest
        kept.bench.store.onRequest = { store, request in
            guard request.type == .readContent,
                (try? request.message(ReadContentRequest.self))?.offset != 0
            else { return answer(store, request) }
            store.fail(request, .internalError)
            return true
        }
        #expect(try kept.send(patch("append", 1), [65]).hasPrefix("HTTP/1.1 503"))
        #expect(try kept.stored() == nil)
        #expect(kept.bench.context.link.openUploadCount == 0)
    }

    @Test func aFileThatHasBecomeShorterIsNotWritten() throws {
        let kept = try Kept(Self.large, .file)
        kept.facts.byteCount += 1
        #expect(try kept.send(patch("append", 1), [65]).hasPrefix("HTTP/1.1 503"))
        #expect(try kept.stored() == nil)
        #expect(kept.bench.context.link.openUploadCount == 0)
    }

    /// At each point of the way, counted by what waits for the disk.
    @Test func aClientThatGoesLeavesNothing() throws {
        for steps in 0..<12 {
            let kept = try Kept(Self.large, .file)
            let bench = kept.bench
            bench.work.isHeld = true
            try bench.send(
                [UInt8](patch("bytes=1000000-", 300_000).utf8) + body(steps < 6 ? 10 : 300_000))
            for _ in 0..<steps {
                bench.work.releaseLast()
                bench.store.pump()
            }
            bench.client.close(promise: nil)
            bench.work.release()
            bench.store.pump()
            #expect(bench.context.link.openUploadCount == 0, "\(steps)")
            #expect(try kept.stored() == nil, "\(steps)")
            #expect(bench.context.unverified.byteCount == 0)
        }
    }

    /// However large the file: what was read and is not written yet is a few pieces.
    @Test func readingTheContentStopsWhileTheDiskIsBehind() throws {
        let kept = try Kept(
            [UInt8](repeating: 9, count: 12 << 20), .windows)
        kept.bench.work.isHeld = true
        try kept.bench.send(patch("append", 10))
        for _ in 0..<50 { kept.bench.store.pump() }
        let asked = try kept.bench.store.received.filter { $0.type == .readContent }
            .map { try $0.message(ReadContentRequest.self).byteCount }.reduce(0, +)
        #expect(asked < 6 << 20)
        kept.bench.work.release()
        #expect(try kept.send("", body(10)).hasPrefix("HTTP/1.1 204"))
    }

    /// A gap costs time and disk, and no memory: it is the same zeros again and again.
    @Test func aGapIsGivenInPieces() throws {
        let kept = try Kept(Self.small, .inline)
        kept.bench.work.isHeld = true
        try kept.bench.send(patch("bytes=1099511627000-", 10))
        for _ in 0..<50 { kept.bench.store.pump() }
        let begin = try #require(
            kept.bench.store.received.last { $0.type == .beginUpload })
        #expect(try begin.message(BeginUploadRequest.self).byteCount == 1_099_511_627_010)
        kept.bench.client.close(promise: nil)
        kept.bench.work.release()
        kept.bench.store.pump()
        #expect(kept.bench.context.link.openUploadCount == 0)
    }
}
