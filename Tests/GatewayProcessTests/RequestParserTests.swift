import Model
import NIOCore
import Testing

@testable import GatewayProcess

@Suite struct RequestParserTests {
    /// Everything that a parser made of the bytes: heads and bodies in order, then the failure.
    struct Seen: Equatable {
        var paths: [String] = []
        var bodies: [[UInt8]] = []
        var failure: Problem?
    }

    /// Feeds `text` in pieces of `size` bytes.
    static func parse(_ bytes: [UInt8], by size: Int) -> Seen {
        var parser = RequestParser()
        var buffer = ByteBuffer()
        var seen = Seen()
        var inBody = false
        var body: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty || buffer.readableBytes > 0 {
            buffer.writeBytes(rest.prefix(size))
            rest = rest.dropFirst(size)
            var progress = true
            while progress {
                progress = false
                if inBody {
                    switch parser.nextBody(&buffer, max: 7) {
                    case .needsMore: break
                    case .bytes(let piece):
                        body += piece.readableBytesView
                        progress = true
                    case .end:
                        seen.bodies.append(body)
                        body = []
                        inBody = false
                        progress = true
                    case .failed(let problem):
                        seen.failure = problem
                        return seen
                    }
                } else {
                    switch parser.nextHead(&buffer) {
                    case .needsMore: break
                    case .head(let head):
                        seen.paths.append(String(decoding: head.path, as: UTF8.self))
                        inBody = true
                        progress = true
                    case .failed(let problem):
                        seen.failure = problem
                        return seen
                    }
                }
            }
            if rest.isEmpty { break }
        }
        return seen
    }

    static let stream = """
        \r\nGET /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\n\
        PUT /b HTTP/1.1\r\nHost:h\r\nContent-Length: 11\r\n\r\nhello world\
        PUT /c HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n\
        GET http://h/d HTTP/1.0\r\n\r\n\
        DELETE /e HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n
        """

    @Test(arguments: [1, 2, 3, 7, 64, 4096])
    func requestsAreTheSameHoweverTheyAreSplit(_ size: Int) {
        let seen = Self.parse([UInt8](Self.stream.utf8), by: size)
        #expect(seen.failure == nil)
        #expect(seen.paths == ["/a", "/b", "/c", "/d", "/e"])
        let bodies = ["", "hello world", "hello0123456789", "", ""].map { [UInt8]($0.utf8) }
        #expect(seen.bodies == bodies)
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n\r\n",  // no Host
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\u{0}b\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/x.1\r\nHost: a\r\n\r\n",
        "GET /\r\n\r\n",
        "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1,1\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x10\r\n\r\n",
        "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n",
    ])
    func malformedRequestsAreRefusedHoweverTheyAreSplit(_ text: String) {
        for size in [1, 3, 4096] {
            let seen = Self.parse([UInt8](text.utf8), by: size)
            #expect(seen.failure?.status == .badRequest, "\(text) by \(size): \(seen)")
        }
    }

    @Test func otherCodingsAndVersionsHaveTheirOwnAnswers() {
        let coding = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
        #expect(Self.parse([UInt8](coding.utf8), by: 9).failure?.status == .notImplemented)
        let version = "PRI * HTTP/2.0\r\n\r\n"
        #expect(Self.parse([UInt8](version.utf8), by: 9).failure?.status == .versionNotSupported)
        let expectation = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n"
        #expect(Self.parse([UInt8](expectation.utf8), by: 9).failure?.status == .expectationFailed)
    }

    @Test func limitsHaveTheirOwnAnswers() {
        func status(_ text: String) -> Status? {
            Self.parse([UInt8](text.utf8), by: 1000).failure?.status
        }
        let long = String(repeating: "a", count: GatewayLimits.requestLineByteCountMax)
        #expect(status("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n") == .uriTooLong)
        let value = String(repeating: "a", count: 1000)
        let large = (0..<33).map { "X-\($0): \(value)\r\n" }.joined()
        #expect(status("GET / HTTP/1.1\r\nHost: a\r\n\(large)\r\n") == .headerTooLarge)
        let many = (0..<GatewayLimits.fieldCountMax).map { "X-\($0): a\r\n" }.joined()
        #expect(status("GET / HTTP/1.1\r\nHost: a\r\n\(many)\r\n") == .headerTooLarge)
        let most = (1..<GatewayLimits.fieldCountMax).map { "X-\($0): a\r\n" }.joined()
        #expect(status("GET / HTTP/1.1\r\nHost: a\r\n\(most)\r\n") == nil)
        let body = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        let trailers = (0..<100).map { "X-\($0): \(value)\r\n" }.joined()
        #expect(status("\(body)0\r\n\(trailers)\r\n") == .headerTooLarge)
        #expect(status("\(body)5;\(value)\r\n") == .badRequest)
    }

    @Test func keepAliveFollowsTheVersionAndTheField() throws {
        func head(_ text: String) throws -> RequestHead {
            try RequestHead(parsing: [UInt8](text.utf8))
        }
        #expect(try head("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keepsAlive)
        #expect(try !head("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n").keepsAlive)
        #expect(try !head("GET / HTTP/1.0\r\n\r\n").keepsAlive)
        #expect(try head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keepsAlive)
    }

    /// No bytes make the parser trap.
    @Test func anyBytesAreAnswered() {
        var rng = SplitMix64(seed: 11)
        let alphabet = [UInt8]("GET /HTP1.0:\r\n\t ;aF5\u{0}chunkedContent-Length".utf8)
        for _ in 0..<3000 {
            let count = Int.random(in: 0..<200, using: &rng)
            let bytes = (0..<count).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &rng)]
            }
            _ = Self.parse(bytes, by: Int.random(in: 1...50, using: &rng))
        }
        // Real requests with a few bytes changed reach deeper.
        let stream = [UInt8](Self.stream.utf8)
        for _ in 0..<3000 {
            var bytes = stream
            for _ in 0..<Int.random(in: 1...4, using: &rng) {
                bytes[Int.random(in: 0..<bytes.count, using: &rng)] =
                    UInt8.random(in: 0...255, using: &rng)
            }
            _ = Self.parse(bytes, by: Int.random(in: 1...300, using: &rng))
        }
    }
}
