import IPC
import Model
import NIOCore
import NIOEmbedded
import Testing

@testable import GatewayProcess

@Suite struct FileRouteTests {
    /// Sends one request; `answer` is the store's.
    private func ask(
        _ request: String, _ answer: @escaping (FakeStore, FakeStore.Received) -> Void
    ) throws -> String {
        let bench = try Bench()
        bench.store.onRequest = { store, request in
            answer(store, request)
            return true
        }
        try bench.send(request)
        return try bench.output()
    }

    private func head(_ method: String, _ path: String, _ fields: String = "") -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: h\r\n\(fields)\r\n"
    }

    private func hello(_ store: FakeStore, _ request: FakeStore.Received) {
        store.answer(request, LookupResponse.inline(Bench.facts, [UInt8]("hello".utf8)))
    }

    @Test func aFileComesWithItsFields() throws {
        let output = try ask(head("GET", "/api/files/a.txt?download=1"), hello)
        for field in [
            "Content-Type: text/plain", "ETag: \"\(Bench.facts.digest)\"",
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Accept-Ranges: bytes",
            "X-ClusterF-Created-At: 1970-01-01T00:00:01Z", "X-ClusterF-Is-Directory: false",
            "X-ClusterF-Checksum: \(Bench.facts.digest)", "Content-Length: 5",
            "X-Content-Type-Options: nosniff", "Content-Security-Policy: sandbox",
            "Content-Disposition: attachment; filename=\"a.txt\"; filename*=UTF-8''a.txt",
        ] {
            #expect(output.contains("\r\n\(field)\r\n"), "\(field)")
        }
    }

    @Test func aLineBreakInAContentTypeEndsNoField() throws {
        let output = try ask(head("GET", "/api/files/a.txt")) { store, request in
            var facts = Bench.facts
            facts.contentType = "text/x\r\nSet-Cookie: a=b"
            store.answer(request, LookupResponse.inline(facts, [UInt8]("hello".utf8)))
        }
        #expect(output.contains("\r\nContent-Type: text/x??Set-Cookie: a=b\r\n"))
    }

    @Test func headHasTheLengthAndNoBody() throws {
        let output = try ask(head("HEAD", "/api/files/a.txt")) { store, request in
            store.answer(request, LookupResponse.file(Bench.facts))
        }
        #expect(output.contains("Content-Length: 5\r\n"))
        #expect(output.hasSuffix("\r\n\r\n"))
    }

    @Test func rangesOfInlineContent() throws {
        let one = try ask(head("GET", "/api/files/a", "Range: bytes=1-2\r\n"), hello)
        #expect(one.hasPrefix("HTTP/1.1 206"))
        #expect(one.contains("Content-Range: bytes 1-2/5\r\n"))
        #expect(one.hasSuffix("\r\n\r\nel"))
        let two = try ask(head("GET", "/api/files/a", "Range: bytes=0-0,-1\r\n"), hello)
        #expect(two.contains("multipart/byteranges"))
        #expect(two.contains("Content-Range: bytes 4-4/5\r\n\r\no\r\n--"))
        let length = try #require(two.components(startingAt: "Content-Length: ").first)
        let body = try #require(two.components(startingAt: "\r\n\r\n").first)
        #expect(length.hasPrefix("\(body.utf8.count)\r\n"))
        let none = try ask(head("GET", "/api/files/a", "Range: bytes=9-\r\n"), hello)
        #expect(none.hasPrefix("HTTP/1.1 416"))
        #expect(none.contains("Content-Range: bytes */5\r\n"))
    }

    @Test func notModifiedHasNoBody() throws {
        let output = try ask(
            head("GET", "/api/files/a", "If-None-Match: \"\(Bench.facts.digest)\"\r\n"), hello)
        #expect(output.hasPrefix("HTTP/1.1 304"))
        #expect(output.hasSuffix("\r\n\r\n"))
        #expect(!output.contains("Content-Length"))
    }

    @Test func largeContentGoesRegionByRegionWhileTheClientTakesIt() throws {
        let bench = try Bench()
        let content = (0..<(5 << 20)).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let file = try TemporaryFile(content)
        var facts = Bench.facts
        facts.byteCount = UInt64(content.count)
        bench.store.onRequest = { store, request in
            store.answer(request, LookupResponse.descriptor(facts), file)
            return true
        }
        bench.client.isWritable = true
        try bench.send(head("GET", "/api/files/a", "Range: bytes=3-\r\n"))
        var bytes = try bench.outputBytes()
        let end = try #require(bytes.firstRange(of: [13, 10, 13, 10])).upperBound
        bytes.removeFirst(end)
        for _ in 0..<20 { bytes += try bench.outputBytes() }
        #expect(bytes == [UInt8](content[3...]))
        // And the next request is served on the same connection.
        bench.answerEverything()
        try bench.send(ConnectionTests.get)
        #expect(try bench.output().hasSuffix("hello"))
    }

    @Test func aClientThatTakesNothingIsGivenNothing() throws {
        let bench = try Bench()
        let file = try TemporaryFile([UInt8](repeating: 1, count: 3 << 20))
        var facts = Bench.facts
        facts.byteCount = 3 << 20
        bench.store.onRequest = { store, request in
            bench.client.isWritable = false
            store.answer(request, LookupResponse.descriptor(facts), file)
            return true
        }
        try bench.send(head("GET", "/api/files/a"))
        #expect(try bench.outputBytes().count < 4096)
        bench.advance(seconds: GatewayLimits.progressSeconds + 1)
        #expect(bench.isClosed)
    }

    @Test func aDirectorysNameLeadsToTheDirectory() throws {
        let output = try ask(head("GET", "/api/files/x/a%20b?limit=3")) { store, request in
            store.answer(
                request, LookupResponse.directory(modified: Timestamp(nanoseconds: 0)))
        }
        #expect(output.hasPrefix("HTTP/1.1 308"))
        #expect(output.contains("Location: /api/files/x/a%20b/?limit=3\r\n"))
    }

    @Test func listingsAreAskedPageByPage() throws {
        let bench = try Bench()
        let names = (0..<2500).map { "f\(10_000 + $0)" }
        var limits: [UInt32] = []
        bench.store.onRequest = { store, request in
            guard let list = try? request.message(ListRequest.self) else {
                return false
            }
            limits.append(list.limit)
            let rest = names.filter {
                Array($0.utf8).lexicographicallyPrecedes(list.after) == false
                    && Array($0.utf8) != list.after
            }
            let page = rest.prefix(Int(list.limit))
            store.answer(
                request,
                ListResponse(
                    entries: page.map { .file(name: [UInt8]($0.utf8), Bench.facts) },
                    hasMore: page.count < rest.count))
            return true
        }
        try bench.send(head("GET", "/api/files/?limit=2200"))
        let output = try bench.output()
        #expect(limits == [1000, 1000, 200])
        #expect(output.contains("Transfer-Encoding: chunked\r\n"))
        #expect(output.components(startingAt: "\"name\":").count == 2200)
        #expect(output.contains("\"count\":2200,\"next\":\"f12199\"}"))
        #expect(output.hasSuffix("\r\n0\r\n\r\n"))
    }

    @Test func aListingNamesTheHoldersOfEachEntry() throws {
        let output = try ask(head("GET", "/api/files/")) { store, request in
            #expect((try? request.message(ListRequest.self))?.wantsHolders == true)
            store.answer(
                request,
                ListResponse(
                    entries: [
                        .file(name: [0x61], Bench.facts),
                        .directory(name: [0x62], modified: Timestamp(nanoseconds: 1)),
                    ], hasMore: false,
                    holders: [[ClusterBench.node("n2"), ClusterBench.node("n3")], []]))
        }
        #expect(output.contains("\"holders\":[\"n2\",\"n3\"]},{\"name\":\"b\""))
        #expect(output.contains("\"is_directory\":true,\"holders\":[]}"))
    }

    @Test(arguments: ["0", "10001", "x", "-1"])
    func badLimitsAreRefused(_ limit: String) throws {
        let output = try ask(head("GET", "/api/files/?limit=\(limit)")) { _, _ in }
        #expect(output.hasPrefix("HTTP/1.1 400"))
    }

    @Test(arguments: [
        (RemoteError.Code.notFound, "404"), (.isDirectory, "409"), (.preconditionFailed, "412"),
        (.noSpace, "507"), (.invalid, "400"), (.unavailable, "503"), (.readOnly, "503"),
        (.tooLarge, "413"), (.checksumMismatch, "422"), (.timedOut, "504"),
        (.unknownUpload, "503"), (.internalError, "500"), (.directoryNotEmpty, "409"),
    ])
    func everyErrorOfTheStoreHasItsStatus(_ code: RemoteError.Code, _ status: String) throws {
        let output = try ask(head("DELETE", "/api/files/a")) { store, request in
            store.fail(request, code)
        }
        #expect(output.hasPrefix("HTTP/1.1 \(status)"))
        #expect(output.contains("Content-Type: application/json"))
        #expect(output.contains("{\"error\":{\"code\":\""))
    }

    @Test(arguments: [
        ("PATCH", "/api/files/a", "405"), ("PUT", "/status", "405"), ("GET", "/api/nope", "404"),
        ("GET", "/api/filesystem", "404"), ("POST", "/api/files/a", "400"),
        ("POST", "/api/files/a?op=move", "400"), ("POST", "/api/files/a?op=copy&to=b", "400"),
        ("POST", "/api/files/a?op=turn&to=/b", "400"), ("GET", "/api/files/a?version=1", "400"),
        ("POST", "/api/files/a?op=restore&version=x", "400"), ("PUT", "/api/trash", "405"),
        ("GET", "/api/trash?limit=0", "400"), ("POST", "/api/versions/a", "405"),
        ("DELETE", "/api/files/", "409"), ("PUT", "/api/files/a/", "400"),
        ("GET", "/api/files/%2e%2e", "400"),
        ("OPTIONS", "/api/files/a", "204"), ("OPTIONS", "*", "200"),
        ("POST", "/nope", "405"), ("PUT", "/api/nope", "404"),
    ])
    func otherRequestsHaveTheirAnswers(_ method: String, _ path: String, _ status: String) throws {
        let output = try ask(head(method, path)) { _, _ in Issue.record("the store was asked") }
        #expect(output.hasPrefix("HTTP/1.1 \(status)"))
        if status == "405" { #expect(output.contains("\r\nAllow: ")) }
    }

    @Test func directoriesAreMade() throws {
        let output = try ask(head("POST", "/api/files/a%20b/", "X-Create-Directory: true\r\n")) {
            store, request in
            var response = Bench.written
            response.outcome = .directoryMade
            store.answer(request, response)
        }
        #expect(output.hasPrefix("HTTP/1.1 201"))
        #expect(output.contains("Location: /api/files/a%20b/\r\n"))
        #expect(output.hasSuffix("{\"success\":true,\"path\":\"/a b\"}"))
    }

    @Test func metadataIsOneEntry() throws {
        let output = try ask(head("GET", "/api/metadata/x/a.txt")) { store, request in
            store.answer(
                request,
                LookupResponse.heldFile(
                    Bench.facts, by: [ClusterBench.node("n2"), ClusterBench.node("n3")]))
        }
        #expect(
            output.contains("{\"name\":\"a.txt\",\"path\":\"/x/a.txt\",\"size\":5,"))
        #expect(output.contains("\"holders\":[\"n2\",\"n3\"]"))
    }

    @Test func writesSayWhatOfThePromiseDoesNotHoldYet() throws {
        var response = Bench.written
        func put() throws -> String {
            try ask(head("PUT", "/api/files/a", "Content-Length: 1\r\n") + "x") { store, request in
                store.answer(request, response)
            }
        }
        let plain = try put()
        #expect(!plain.contains("X-ClusterF-Listing") && !plain.contains("X-ClusterF-Consistency"))
        response.isListingPending = true
        response.isDecidedInReach = true
        let said = try put()
        #expect(said.hasPrefix("HTTP/1.1 201"))
        #expect(said.contains("X-ClusterF-Listing: pending\r\n"))
        #expect(said.contains("X-ClusterF-Consistency: reachable\r\n"))
        response.outcome = .deleted
        let deleted = try ask(head("DELETE", "/api/files/a")) { $0.answer($1, response) }
        #expect(deleted.hasPrefix("HTTP/1.1 204"))
        #expect(deleted.contains("X-ClusterF-Listing: pending\r\n"))
    }

    @Test func aConditionThatFailedAmongTheReachableSaysSo() throws {
        func failed(_ code: RemoteError.Code) throws -> String {
            try ask(head("PUT", "/api/files/a", "If-None-Match: *\r\nContent-Length: 0\r\n")) {
                $0.fail($1, code)
            }
        }
        let exact = try failed(.preconditionFailed)
        #expect(exact.hasPrefix("HTTP/1.1 412") && !exact.contains("X-ClusterF-Consistency"))
        let reachable = try failed(.preconditionFailedInReach)
        #expect(reachable.hasPrefix("HTTP/1.1 412"))
        #expect(reachable.contains("X-ClusterF-Consistency: reachable\r\n"))
    }

    @Test func statusIsAnsweredWithoutAStore() throws {
        let bench = try Bench(connects: false)
        try bench.send(head("GET", "/status") + head("GET", "/readyz") + head("GET", "/healthz"))
        bench.advance(seconds: 3)
        bench.advance(seconds: 3)
        let output = try bench.output()
        #expect(output.contains("the store does not answer"))
        #expect(output.contains("HTTP/1.1 503"))
        #expect(output.hasSuffix("ok\n"))
    }

    @Test func theStartPageEscapesNames() throws {
        let output = try ask(head("GET", "/")) { store, request in
            store.answer(
                request,
                ListResponse(
                    entries: [.file(name: [UInt8]("<b>&\"'".utf8), Bench.facts)], hasMore: false))
        }
        #expect(output.contains("&lt;b&gt;&amp;&quot;&#39;"))
        #expect(output.contains("/api/files/%3Cb%3E%26%22%27"))
        #expect(output.contains("Content-Security-Policy: default-src 'none'"))
    }
}
