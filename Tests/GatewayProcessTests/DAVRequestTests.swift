import IPC
import Model
import Testing
import WebDAV

@testable import GatewayProcess

func davPath(_ text: String) throws -> StorePath { try StorePath(validating: [UInt8](text.utf8)) }

/// The request that a head's bytes are.
func davRequest(
    _ method: String, _ path: String, _ fields: String = "", base: String = "/"
) throws -> DAVRequest {
    let text = "\(method) \(path) HTTP/1.1\r\nHost: h:80\r\n\(fields)\r\n"
    let head = try RequestHead(parsing: [UInt8](text.utf8))
    return try DAVRequest(head, base: try davPath(base), presentYear: 2026)
}

@Suite struct DAVRequestTests {
    private func status(
        _ method: String, _ path: String, _ fields: String = "", base: String = "/"
    ) -> Int {
        do {
            _ = try davRequest(method, path, fields, base: base)
            return 0
        } catch {
            return (error as? Problem)?.status.rawValue ?? -1
        }
    }

    @Test func thePathIsTheSameWithAndWithoutThePrefix() throws {
        for path in ["/a%20b/c", "/dav/a%20b/c"] {
            let request = try davRequest("PROPFIND", path, "Depth: 1\r\n", base: "/photos")
            #expect(request.path == (try davPath("/photos/a b/c")))
            #expect(request.action == .propfind(.one))
            // What is answered lies where the client asked.
            #expect(request.href(false) == [UInt8](path.utf8))
        }
        let root = try davRequest("GET", "/dav", base: "/photos")
        #expect(root.path == (try davPath("/photos")))
        #expect(root.isCollection)
        // A name that only begins so is a name like others.
        for path in ["/davx", "/davx/y"] {
            let other = try davRequest("GET", path)
            #expect(other.path == (try davPath(path)))
            #expect(other.href(false) == [UInt8](path.utf8))
        }
    }

    @Test func aWriteKnowsWhereItGoes() throws {
        let fields = "Destination: http://h/dav/b%C3%A9/\r\nOverwrite: F\r\nDepth: 0\r\n"
        let copy = try davRequest("COPY", "/dav/a", fields)
        let destination = DAVRequest.Destination(path: try davPath("/b\u{E9}"), overwrites: false)
        #expect(copy.action == .copy(.zero, destination))
        let move = try davRequest("MOVE", "/dav/a", "Destination: /dav/x/b\r\n")
        #expect(
            move.action
                == .move(DAVRequest.Destination(path: try davPath("/x/b"), overwrites: true)))
        #expect(move.paths == [try davPath("/a"), try davPath("/x/b"), try davPath("/x")])
        #expect(try davRequest("PUT", "/x/y").paths == [davPath("/x/y"), davPath("/x")])
        #expect(try davRequest("DELETE", "/x/y").paths == [davPath("/x/y")])
        let tagged = "If: <http://h/other> ([\"a\"]) <http://elsewhere/z> ([\"b\"])\r\n"
        #expect(try davRequest("DELETE", "/x", tagged).paths == [davPath("/x"), davPath("/other")])
    }

    @Test(arguments: [
        ("MOVE", "", 400), ("MOVE", "Destination: http://other/x\r\n", 502),
        ("MOVE", "Destination: /b\r\nDepth: 0\r\n", 400),
        ("COPY", "Destination: /b\r\nDepth: 1\r\n", 400),
        ("COPY", "Destination: /b\r\nOverwrite: maybe\r\n", 400),
        ("COPY", "Destination: /%2e%2e/b\r\n", 400), ("DELETE", "Depth: 1\r\n", 400),
        ("PROPFIND", "Depth: 2\r\n", 400), ("PUT", "If: nonsense\r\n", 400),
        ("PUT", "If-Match: nonsense\r\n", 400), ("UNLOCK", "", 400),
        ("UNLOCK", "Lock-Token: <urn:uuid:1>\r\n", 409), ("POST", "", 405), ("PATCH", "", 415),
        ("PROPFIND", "", 0), ("DELETE", "Depth: infinity\r\n", 0),
        ("COPY", "Destination: http://H:80/b\r\n", 0),
    ])
    func aHeadThatCannotBeIsRefused(_ method: String, _ fields: String, _ expected: Int) {
        #expect(status(method, "/a", fields) == expected)
    }

    @Test func pathsThatAreNoneAreRefused() {
        for path in ["/%2e%2e/a", "/a//b", "/a%00", "/%ff", "/a%2", "/dav/%2e%2e"] {
            #expect(status("PUT", path) == 400, "\(path)")
        }
    }

    @Test func everyStatusOfTheRulesIsOneOfTheGateway() {
        for status in DAVStatus.allCases { #expect(Status(status).rawValue == status.rawValue) }
    }
}
