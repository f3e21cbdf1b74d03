import IPC
import Model
import Testing
import WebDAV

@testable import GatewayProcess

@Suite struct DAVPlanTests {
    private static let file = DAVFound(presence: .file, facts: Bench.facts)

    /// What is there: `/` and `/d` are collections, with `/f` and `/d/f` in them.
    private func plan(
        _ method: String, _ path: String, _ fields: String = "", base: String = "/",
        locks: [ActiveLock] = []
    ) throws -> DAVPlan {
        let request = try davRequest(method, path, fields, base: base)
        var found: [StorePath: DAVFound] = [:]
        for path in request.paths {
            found[path] =
                switch path.text {
                case "/", "/d": .collection
                case "/f", "/d/f": Self.file
                default: .absent
                }
        }
        return try DAVPlan(request, found, LockRules(locks: locks, now: 0))
    }

    private func refusal(
        _ method: String, _ path: String, _ fields: String = "", base: String = "/",
        locks: [ActiveLock] = []
    ) -> Int {
        do {
            _ = try plan(method, path, fields, base: base, locks: locks)
            return 0
        } catch {
            switch error as? DAVRefusal {
            case .problem(let problem): return problem.status.rawValue
            case .members: return 207
            case nil: return -1
            }
        }
    }

    @Test func newAndOldFilesAreUploads() throws {
        #expect(try plan("PUT", "/d/new") == plan("PUT", "/new"))
        #expect(try plan("PUT", "/new").status == .created)
        #expect(try plan("PUT", "/f").status == .noContent)
        #expect(try plan("PUT", "/f").steps == [.upload])
    }

    @Test func aCollectionIsMadeWhereNothingIs() throws {
        let made = try plan("MKCOL", "/d/new/")
        #expect(made.steps == [.makeDirectory(try davPath("/d/new"))])
        #expect(made.status == .created)
    }

    @Test func whatIsReplacedGoesFirstUnlessTheStoreReplacesIt() throws {
        let (f, d, new) = (try davPath("/f"), try davPath("/d"), try davPath("/new"))
        let ontoNothing = try plan("MOVE", "/d/", "Destination: /new/\r\n")
        #expect(ontoNothing.status == .created)
        #expect(
            ontoNothing.steps
                == [.transfer(.move(to: new, overwrite: true), isCollection: true)])
        let fileOntoFile = try plan("COPY", "/d/f", "Destination: /f\r\n")
        #expect(fileOntoFile.status == .noContent)
        #expect(
            fileOntoFile.steps
                == [.transfer(.copy(to: f, overwrite: true), isCollection: false)])
        let collectionOntoFile = try plan("MOVE", "/d", "Destination: /f\r\n")
        #expect(
            collectionOntoFile.steps
                == [
                    .delete(f, .none, isCollection: false),
                    .transfer(.move(to: f, overwrite: true), isCollection: true),
                ])
        let fileOntoCollection = try plan("COPY", "/f", "Destination: /d\r\n")
        #expect(
            fileOntoCollection.steps
                == [
                    .delete(d, .none, isCollection: true),
                    .transfer(.copy(to: d, overwrite: true), isCollection: false),
                ])
    }

    @Test func aCopyOfDepthZeroIsAnEmptyCollection() throws {
        let plan = try plan("COPY", "/d", "Destination: /new\r\nDepth: 0\r\n")
        let new = try davPath("/new")
        #expect(plan.steps == [.makeDirectory(new), .copyProperties(to: new)])
    }

    @Test func aDeletionTakesAllThatIsInACollection() throws {
        let condition = "If-Match: \"\(Bench.facts.digest)\"\r\n"
        let file = try plan("DELETE", "/f", condition)
        guard case .delete(_, let conditions, isCollection: false) = file.steps[0] else {
            Issue.record("no deletion of a file")
            return
        }
        #expect(conditions.ifMatch == .digests([Bench.facts.digest]))
        #expect(
            try plan("DELETE", "/d").steps
                == [.delete(try davPath("/d"), .none, isCollection: true)])
    }

    @Test(arguments: [
        ("PUT", "/none/f", "", 409), ("PUT", "/f/g", "", 409), ("PUT", "/d", "", 405),
        ("PUT", "/d/", "", 405), ("PUT", "/new/", "", 409), ("PUT", "/", "", 405),
        ("MKCOL", "/f", "", 405), ("MKCOL", "/f/", "", 405), ("MKCOL", "/d", "", 405),
        ("MKCOL", "/none/x", "", 409), ("MKCOL", "/f/x", "", 409),
        ("MKCOL", "/x", "Content-Length: 1\r\n", 415),
        ("MKCOL", "/x", "Transfer-Encoding: chunked\r\n", 415),
        ("DELETE", "/none", "", 404), ("DELETE", "/f/", "", 404), ("DELETE", "/", "", 403),
        ("DELETE", "/dav/", "", 403), ("MOVE", "/", "Destination: /new\r\n", 403),
        ("MOVE", "/none", "Destination: /new\r\n", 404),
        ("MOVE", "/f", "Destination: /f\r\n", 403), ("COPY", "/f", "Destination: /dav/f\r\n", 403),
        ("COPY", "/f", "Destination: /none/f\r\n", 409),
        ("COPY", "/f", "Destination: /d/f\r\nOverwrite: F\r\n", 412),
        ("MOVE", "/d/f", "Destination: /d\r\n", 403), ("COPY", "/d", "Destination: /d/x\r\n", 403),
        ("MOVE", "/f", "Destination: /\r\n", 403), ("PROPPATCH", "/none", "", 404),
        ("LOCK", "/none/x", "", 409), ("LOCK", "/new/", "", 409), ("LOCK", "/f/", "", 409),
        ("LOCK", "/d/", "", 0), ("LOCK", "/new", "", 0),
        ("PUT", "/f", "If: ([\"other\"])\r\n", 412), ("PUT", "/f", "If-None-Match: *\r\n", 412),
        ("PUT", "/new", "If-Match: *\r\n", 412), ("DELETE", "/d", "If-None-Match: *\r\n", 412),
        ("MOVE", "/f", "Destination: /new\r\nIf-Match: \"a\"\r\n", 412),
        ("DELETE", "/d", "If-Match: \"a\"\r\n", 412), ("DELETE", "/d", "If-Match: *\r\n", 0),
    ])
    func whatDoesNotFitIsRefused(
        _ method: String, _ path: String, _ fields: String, _ expected: Int
    ) {
        #expect(refusal(method, path, fields) == expected, "\(method) \(path) \(fields)")
    }

    @Test func theRootOfATreeStays() {
        #expect(refusal("DELETE", "/dav/", base: "/d") == 403)
        #expect(refusal("MOVE", "/", "Destination: /x\r\n", base: "/d") == 403)
        #expect(refusal("COPY", "/f", "Destination: /\r\n", base: "/d") == 403)
        #expect(refusal("DELETE", "/f", base: "/d") == 0)
    }

    @Test func statesOfAnIfHeaderAreThoseOfTheirResources() {
        let tag = String(decoding: EntityTag.short(Bench.facts.digest), as: UTF8.self)
        #expect(refusal("PUT", "/f", "If: ([\(tag)])\r\n") == 0)
        #expect(refusal("PUT", "/new", "If: </f> ([\(tag)])\r\n") == 0)
        #expect(refusal("PUT", "/new", "If: ([\(tag)])\r\n") == 412)
        #expect(refusal("PUT", "/new", "If: (Not [\(tag)])\r\n") == 0)
        #expect(refusal("PUT", "/new", "If: (Not <DAV:no-lock>)\r\n") == 0)
    }

    @Test func whatAnEntityTagOfAnIfHeaderAllowsIsDoneToThatVersionAlone() throws {
        let digest = Bench.facts.digest
        let short = String(decoding: EntityTag.short(digest), as: UTF8.self)
        let tag = "If: ([\(short)])\r\n"
        for method in ["PUT", "DELETE", "PROPPATCH"] {
            let plan = try plan(method, "/f", tag)
            #expect(plan.conditions.ifMatch == .digests([digest]), "\(method)")
        }
        guard case .delete(_, let conditions, _) = try plan("DELETE", "/f", tag).steps[0] else {
            Issue.record("no deletion")
            return
        }
        #expect(conditions.ifMatch == .digests([digest]))
        #expect(try plan("PUT", "/new", "If: (Not [\"x\"])\r\n").conditions.ifNoneMatch == .any)
        #expect(try plan("PUT", "/f", "If: (Not <DAV:no-lock>)\r\n").conditions == .none)
        #expect(try plan("DELETE", "/d", "If: (Not [\"x\"])\r\n").conditions == .none)
        // Another file's state is looked at once.
        #expect(try plan("PUT", "/new", "If: </f> ([\(short)])\r\n").conditions == .none)
    }

    @Test func locksAreInTheWayOfWhoDoesNotShowTheirTokens() throws {
        let token = StateToken(bits: Bits128(high: 1, low: 2))
        let lock = ActiveLock(
            token: token, root: try davPath("/d/f"), href: [UInt8]("/d/f".utf8),
            scope: .exclusive, reach: .zero, owner: nil, expires: 1000)
        let shown = "If: </d/f> (\(String(decoding: token.codedURL, as: UTF8.self)))\r\n"
        #expect(refusal("PUT", "/d/f", locks: [lock]) == 423)
        #expect(refusal("PUT", "/d/f", shown, locks: [lock]) == 0)
        #expect(refusal("DELETE", "/d", locks: [lock]) == 207)
        #expect(refusal("DELETE", "/d", shown, locks: [lock]) == 0)
        #expect(refusal("MOVE", "/f", "Destination: /d/f\r\n", locks: [lock]) == 423)
        #expect(refusal("COPY", "/d/f", "Destination: /new\r\n", locks: [lock]) == 0)
        #expect(refusal("PUT", "/d/other", locks: [lock]) == 0)
    }
}
