import IPC
import Model
import NIOCore
import Testing

@testable import GatewayProcess

@Suite struct UploadTests {
    private let content = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 / 3) }

    private func put(_ fields: String) -> String {
        "PUT /api/files/a.bin HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\r\n"
    }

    /// A store that gives `file` for an upload and takes the commit.
    private func stage(_ bench: Bench, _ file: TemporaryFile) {
        bench.store.onRequest = { store, request in
            switch request.type {
            case .beginUpload: store.answer(request, Empty(), file)
            case .commitUpload: store.answer(request, Bench.written)
            default: store.fail(request, .invalid)
            }
            return true
        }
    }

    private func commit(_ bench: Bench) throws -> WriteRequest {
        let request = try #require(bench.store.received.last { $0.type == .commitUpload })
        return try request.message(WriteRequest.self)
    }

    @Test func smallContentGoesInOneMessage() throws {
        let bench = try Bench()
        bench.answerEverything()
        try bench.send(
            put(
                "Content-Length: 5\r\nContent-Type: text/x\r\n"
                    + "X-ClusterF-Modified-At: 1970-01-01T00:00:01Z") + "hello")
        let put = try bench.store.received[0].message(PutRequest.self)
        #expect(put.content == [UInt8]("hello".utf8))
        #expect(put.write.digest == Bench.facts.digest)
        #expect(put.write.contentType == "text/x")
        #expect(put.write.modified == Timestamp(nanoseconds: 1_000_000_000))
        let output = try bench.output()
        #expect(output.contains("X-ClusterF-Copies: 1\r\n"))
        #expect(output.contains("Location: /api/files/a.bin\r\n"))
        #expect(output.contains("{\"success\":true,\"path\":\"/a.bin\",\"size\":5,"))
    }

    @Test(arguments: [0, 1, 65_536])
    func contentUpToTheLimitIsSmall(_ count: Int) throws {
        let bench = try Bench()
        bench.answerEverything()
        try bench.send(
            [UInt8](put("Content-Length: \(count)").utf8) + content.prefix(count))
        #expect(bench.store.types() == [.put])
        #expect(try bench.output().hasPrefix("HTTP/1.1 201"))
    }

    @Test func largeContentIsStagedAndCommitted() throws {
        let bench = try Bench()
        let file = try TemporaryFile()
        stage(bench, file)
        try bench.send([UInt8](put("Content-Length: \(content.count)").utf8) + content[..<100])
        var rest = content[100...]
        while !rest.isEmpty {
            try bench.send([UInt8](rest.prefix(50_000)))
            rest = rest.dropFirst(50_000)
        }
        #expect(bench.store.types() == [.beginUpload, .commitUpload])
        #expect(try file.content == content)
        let write = try commit(bench)
        #expect(write.byteCount == UInt64(content.count))
        #expect(write.digest == ContentHasher.digest(of: content))
        #expect(try bench.output().hasPrefix("HTTP/1.1 201"))
        #expect(bench.context.link.openUploadCount == 0)
    }

    @Test func chunkedContentIsStagedOnceItIsLarge() throws {
        let bench = try Bench()
        let file = try TemporaryFile()
        stage(bench, file)
        try bench.send(put("Transfer-Encoding: chunked"))
        var rest = content[...]
        while !rest.isEmpty {
            let piece = rest.prefix(40_000)
            rest = rest.dropFirst(40_000)
            try bench.send("\(String(piece.count, radix: 16))\r\n")
            try bench.send([UInt8](piece))
            try bench.send("\r\n")
        }
        try bench.send("0\r\n\r\n")
        #expect(bench.store.types() == [.beginUpload, .commitUpload])
        #expect(try file.content == content)
        #expect(try bench.output().hasPrefix("HTTP/1.1 201"))
    }

    @Test func readingStopsWhileTheDiskIsBehind() throws {
        let bench = try Bench()
        let file = try TemporaryFile()
        stage(bench, file)
        bench.work.isHeld = true
        try bench.send(put("Content-Length: 10000000"))
        let piece = [UInt8](repeating: 1, count: 200_000)
        for _ in 0..<6 { try bench.send(piece) }
        let before = bench.socket.readCount
        try bench.send(piece)
        #expect(bench.socket.readCount == before)
        bench.work.release()
        bench.store.pump()
        #expect(bench.socket.readCount > before)
    }

    @Test func aWrongDigestKeepsNothing() throws {
        let wrong = Bench.facts.digest.hex
        let small = try Bench()
        small.answerEverything()
        try small.send(put("Content-Length: 2\r\nX-ClusterF-Checksum: \(wrong)") + "hi")
        #expect(try small.output().hasPrefix("HTTP/1.1 422"))
        #expect(small.store.received.isEmpty)
        let large = try Bench()
        stage(large, try TemporaryFile())
        try large.send(
            [UInt8](
                put("Content-Length: \(content.count)\r\nX-ClusterF-Checksum: \(wrong)").utf8)
                + content)
        #expect(try large.output().hasPrefix("HTTP/1.1 422"))
        #expect(large.store.types() == [.beginUpload, .abortUpload])
        #expect(large.context.link.openUploadCount == 0)
    }

    @Test func aClientThatLeavesGivesItsUploadUp() throws {
        let bench = try Bench()
        stage(bench, try TemporaryFile())
        try bench.send([UInt8](put("Content-Length: \(content.count)").utf8) + content[..<5000])
        bench.client.close(promise: nil)
        bench.store.pump()
        #expect(bench.store.types() == [.beginUpload, .abortUpload])
        #expect(bench.context.link.openUploadCount == 0)
    }

    @Test func aClientThatLeavesBeforeTheStagingFileGivesItUpToo() throws {
        let bench = try Bench()
        try bench.send([UInt8](put("Content-Length: \(content.count)").utf8) + content[..<5000])
        bench.client.close(promise: nil)
        bench.store.pump()
        let file = try TemporaryFile()
        bench.store.answer(bench.store.received[0], Empty(), file)
        bench.store.flush()
        bench.store.pump()
        #expect(bench.store.types() == [.beginUpload, .abortUpload])
    }

    @Test func anUploadOutlivesItsStore() throws {
        let bench = try Bench()
        let file = try TemporaryFile()
        stage(bench, file)
        try bench.send([UInt8](put("Content-Length: \(content.count)").utf8) + content[..<9000])
        bench.store.die()
        try bench.send([UInt8](content[9000...]))
        bench.store.received = []
        bench.store.isListening = true
        bench.advance(seconds: 1)
        #expect(bench.store.types() == [.claimUploads, .commitUpload])
        #expect(try file.content == content)
        #expect(try bench.output().hasPrefix("HTTP/1.1 201"))
    }

    @Test func aStoreThatLostTheUploadIsSaid() throws {
        let bench = try Bench()
        let file = try TemporaryFile()
        bench.store.onRequest = { store, request in
            if request.type == .beginUpload {
                store.answer(request, Empty(), file)
            } else {
                store.fail(request, .unknownUpload)
            }
            return true
        }
        try bench.send([UInt8](put("Content-Length: \(content.count)").utf8) + content)
        let output = try bench.output()
        #expect(output.hasPrefix("HTTP/1.1 503"))
        #expect(output.contains("Retry-After"))
    }

    @Test(arguments: [
        "Content-Length: 2\r\nX-ClusterF-Modified-At: 1700000000",
        "Content-Length: 2\r\nX-ClusterF-Created-At: x",
        "Content-Length: 2\r\nContent-Range: bytes 0-1/4",
        "Content-Length: 2\r\nIf-Match: x", "Content-Length: 2\r\nContent-Digest: sha-256=x",
    ])
    func badFieldsAreRefusedAndTheConnectionIsKept(_ fields: String) throws {
        let bench = try Bench()
        bench.answerEverything()
        try bench.send(put(fields) + "hi" + ConnectionTests.get)
        let output = try bench.output()
        #expect(output.hasPrefix("HTTP/1.1 400"))
        #expect(output.hasSuffix("hello"))
        #expect(bench.store.types() == [.lookup])
    }
}
