import IPC
import Model
import NIOCore
import NIOEmbedded
import Testing
import WebDAV

@testable import GatewayProcess

/// What the gateway asks the store of locks and properties, and makes of its answers.
@Suite struct DAVLockTests {
    private static let token = LockToken(bits: Bits128(high: 1, low: 2))
    private static let shown = "If: (<\(uri(token))>)\r\n"

    private static func uri(_ token: LockToken) -> String {
        String(decoding: StateToken(bits: token.bits).uri, as: UTF8.self)
    }

    private static func held(_ path: String, _ depth: LockDepth = .zero) throws -> HeldLock {
        HeldLock(
            root: try davPath(path), token: token, owner: [UInt8]("<owner xmlns=\"DAV:\"/>".utf8),
            scope: .exclusive, depth: depth, seconds: 600, secondsLeft: 600)
    }

    /// Files `/f` and `/d/f` in collections; `locks` are those that there are.
    private func ask(
        _ request: String, locks: [HeldLock] = [],
        _ answer: @escaping (FakeStore, FakeStore.Received) -> Void
    ) throws -> String {
        let bench = try Bench()
        bench.store.onRequest = { store, request in
            switch request.type {
            case .lookup:
                switch (try? request.message(LookupRequest.self))?.path.text {
                case "/f", "/d/f": store.answer(request, LookupResponse.file(Bench.facts))
                case "/d":
                    store.answer(
                        request, LookupResponse.directory(modified: Timestamp(nanoseconds: 0)))
                default: store.fail(request, .notFound)
                }
            case .locks:
                store.answer(request, LocksResponse(locks: locks, isComplete: true))
            default: answer(store, request)
            }
            return true
        }
        try bench.send(request)
        return try bench.output()
    }

    private func head(_ method: String, _ path: String, _ fields: String = "") -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: h\r\n\(fields)\r\n"
    }

    private func lock(_ path: String, _ fields: String = "") -> String {
        let body = """
            <lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope>\
            <locktype><write/></locktype><owner>me</owner></lockinfo>
            """
        return head("LOCK", path, "Content-Length: \(body.utf8.count)\r\n\(fields)") + body
    }

    @Test func aLockIsTakenAsItIsAskedFor() throws {
        var asked: LockMessage?
        let output = try ask(lock("/f", "Depth: 0\r\nTimeout: Second-100\r\n")) { store, request in
            asked = try? request.message(LockMessage.self)
            if let held = try? Self.held("/f") { store.answer(request, held) }
        }
        #expect(output.hasPrefix("HTTP/1.1 200"))
        #expect(output.contains("\r\nLock-Token: <\(Self.uri(Self.token))>\r\n"))
        #expect(output.contains("<D:timeout>Second-600</D:timeout>"))
        #expect(asked?.seconds == 100)
        #expect(asked?.depth == .zero)
        #expect(asked?.scope == .exclusive)
        let owner = String(decoding: asked?.owner ?? [], as: UTF8.self)
        #expect(owner.contains("me"))
    }

    @Test func aLockOfNothingIsTakenAndThenTheFileIsMadeUnderIt() throws {
        var types: [MessageType] = []
        let output = try ask(lock("/d/new")) { store, request in
            types.append(request.type)
            guard request.type == .lock, let held = try? Self.held("/d/new", .infinity) else {
                let put = try? request.message(PutRequest.self)
                #expect(put?.content == [])
                #expect(put?.write.conditions.ifNoneMatch == .any)
                #expect(put?.write.conditions.tokens == [Self.token])
                return store.answer(request, Bench.written)
            }
            store.answer(request, held)
        }
        #expect(output.hasPrefix("HTTP/1.1 201"))
        #expect(types == [.lock, .put])
    }

    @Test func whoDoesNotGetTheLockLeavesNoFile() throws {
        for (code, status) in [(RemoteError.Code.locked, 423), (.tooManyLocks, 507)] {
            let output = try ask(lock("/d/new")) { store, request in
                #expect(request.type == .lock)
                store.fail(request, code)
            }
            #expect(output.hasPrefix("HTTP/1.1 \(status)"))
        }
    }

    @Test func aLockIsGivenBackWhereNoFileCanBeMade() throws {
        for (code, status) in [
            (RemoteError.Code.quotaExceeded, 507), (.locked, 423), (.unavailable, 503),
            // The token of a lock above that is over; still nothing is there.
            (.preconditionFailed, 412),
        ] {
            var types: [MessageType] = []
            let output = try ask(lock("/d/new")) { store, request in
                types.append(request.type)
                switch request.type {
                case .lock:
                    if let held = try? Self.held("/d/new") { store.answer(request, held) }
                case .unlock:
                    #expect((try? request.message(UnlockMessage.self))?.token == Self.token)
                    store.answer(request, Empty())
                default: store.fail(request, code)
                }
            }
            #expect(output.hasPrefix("HTTP/1.1 \(status)"))
            #expect(types == [.lock, .put, .unlock])
        }
    }

    @Test func whatOthersMadeMeanwhileIsLocked() throws {
        var isThere = false
        let bench = try Bench()
        bench.store.onRequest = { store, request in
            switch request.type {
            case .lookup:
                guard let path = (try? request.message(LookupRequest.self))?.path.text else {
                    break
                }
                if path == "/new", isThere {
                    store.answer(request, LookupResponse.file(Bench.facts))
                } else {
                    store.fail(request, .notFound)
                }
            case .locks: store.answer(request, LocksResponse(locks: [], isComplete: true))
            case .lock:
                if let held = try? Self.held("/new") { store.answer(request, held) }
            case .put:
                isThere = true
                store.fail(request, .preconditionFailed)
            default: Issue.record("\(request.type)")
            }
            return true
        }
        try bench.send(lock("/new"))
        let output = try bench.output()
        #expect(output.hasPrefix("HTTP/1.1 200"))
        #expect(output.contains("\r\nLock-Token: <\(Self.uri(Self.token))>\r\n"))
    }

    @Test func onlyLocksOfCollectionsReachBelow() throws {
        for (path, depth) in [("/f", LockDepth.zero), ("/d", .infinity)] {
            var asked: LockMessage?
            let output = try ask(lock(path)) { store, request in
                asked = try? request.message(LockMessage.self)
                if let held = try? Self.held(path, depth) { store.answer(request, held) }
            }
            #expect(asked?.depth == depth)
            let root = depth == .zero ? path : path + "/"
            #expect(output.contains("<D:lockroot><D:href>\(root)</D:href></D:lockroot>"))
        }
    }

    @Test func aLockInTheWayIsSaid() throws {
        let conflict = try ask(lock("/f"), locks: [try Self.held("/f")]) { _, _ in
            Issue.record("a lock was asked for")
        }
        #expect(conflict.hasPrefix("HTTP/1.1 423"))
        #expect(conflict.contains("<D:no-conflicting-lock><D:href>/f</D:href>"))
        // One that was granted in between is met by the store.
        let raced = try ask(lock("/f")) { store, request in store.fail(request, .locked) }
        #expect(raced.hasPrefix("HTTP/1.1 423"))
        #expect(raced.contains("no-conflicting-lock"))
        let members = try ask(lock("/d"), locks: [try Self.held("/d/f")]) { _, _ in
            Issue.record("a lock was asked for")
        }
        #expect(members.hasPrefix("HTTP/1.1 207"))
        #expect(members.contains("424 Failed Dependency"))
    }

    /// Answers look-ups of `/f`, and nothing else by itself.
    private func waitingBench() throws -> Bench {
        let bench = try Bench()
        bench.store.onRequest = { store, request in
            switch request.type {
            case .lookup: store.answer(request, LookupResponse.file(Bench.facts))
            case .locks: store.answer(request, LocksResponse(locks: [], isComplete: true))
            default: return false
            }
            return true
        }
        return bench
    }

    @Test func aLockOfAClientThatIsGoneIsGivenBack() throws {
        let bench = try waitingBench()
        try bench.send(lock("/f"))
        let asked = try #require(bench.store.received.last)
        #expect(asked.type == .lock)
        bench.client.close(promise: nil)
        bench.loop.run()
        bench.store.answer(asked, try Self.held("/f"))
        bench.store.flush()
        bench.store.pump()
        let last = try #require(bench.store.received.last)
        #expect(last.type == .unlock)
        #expect(try last.message(UnlockMessage.self).token == Self.token)
    }

    @Test func aLockThatMayBeGrantedTooLateIsGivenBackOnceItIsThere() throws {
        let bench = try waitingBench()
        try bench.send(lock("/f"))
        let asked = try bench.store.received.last?.message(LockMessage.self)
        bench.advance(seconds: GatewayLimits.storeWaitSeconds + 1)
        #expect(try bench.output().hasPrefix("HTTP/1.1 504"))
        func returns() -> [FakeStore.Received] {
            bench.store.received.filter { $0.type == .unlock }
        }
        let first = try #require(returns().first)
        #expect(try first.message(UnlockMessage.self).token == asked?.token)
        // Not yet; and then it is.
        bench.store.fail(first, .lockNotFound)
        bench.store.flush()
        bench.advance(seconds: GatewayLimits.lockReturnSeconds)
        #expect(returns().count == 2)
        bench.store.answer(try #require(returns().last), Empty())
        bench.store.flush()
        bench.advance(seconds: 100)
        #expect(returns().count == 2)
    }

    @Test func aLockGoesOnAndEnds() throws {
        let refreshed = try ask(
            head("LOCK", "/f", Self.shown + "Timeout: Second-50\r\n"), locks: [try Self.held("/f")]
        ) { store, request in
            #expect((try? request.message(RefreshLockMessage.self))?.seconds == 50)
            if let held = try? Self.held("/f") { store.answer(request, held) }
        }
        #expect(refreshed.hasPrefix("HTTP/1.1 200"))
        #expect(!refreshed.contains("Lock-Token:"))
        let fields = "Lock-Token: <\(Self.uri(Self.token))>\r\n"
        let ended = try ask(head("UNLOCK", "/f", fields), locks: [try Self.held("/f")]) {
            store, request in
            #expect((try? request.message(UnlockMessage.self))?.token == Self.token)
            store.answer(request, Empty())
        }
        #expect(ended.hasPrefix("HTTP/1.1 204"))
        let none = try ask(head("UNLOCK", "/f", fields)) { _, _ in Issue.record("no lock") }
        #expect(none.hasPrefix("HTTP/1.1 409"))
        #expect(none.contains("lock-token-matches-request-uri"))
    }

    @Test func anIfHeaderCountsForEveryMethod() throws {
        let held = try Self.held("/f")
        let tag = String(decoding: EntityTag.short(Bench.facts.digest), as: UTF8.self)
        let token = "Lock-Token: <\(Self.uri(Self.token))>\r\n"
        for (method, fields, done) in [
            ("GET", "", "200"), ("HEAD", "", "200"), ("PROPFIND", "Depth: 0\r\n", "207"),
            ("UNLOCK", token, "204"), ("LOCK", "", "200"),
        ] {
            func status(_ header: String) throws -> String {
                let output = try ask(
                    head(method, "/f", fields + "If: \(header)\r\n"), locks: [held]
                ) { store, request in
                    request.type == .unlock
                        ? store.answer(request, Empty()) : store.answer(request, held)
                }
                return String(output.dropFirst(9).prefix(3))
            }
            let shown = "<\(Self.uri(Self.token))>"
            #expect(try status("(\(shown) [\(tag)])") == done, "\(method)")
            #expect(try status("(\(shown) [\"other\"])") == "412", "\(method)")
            #expect(try status("(Not \(shown))") == "412", "\(method)")
            #expect(try status("</none> (\(shown))") == "412", "\(method)")
            #expect(try status("<http://elsewhere/> (\(shown))") == "412", "\(method)")
        }
    }

    @Test func aStepShowsTheTokensOfLocksThatProtectWhatItChanges() throws {
        var tokens: [LockToken]?
        let body = "Content-Length: 5\r\n"
        _ = try ask(head("PUT", "/f", body + Self.shown) + "hello", locks: [try Self.held("/f")]) {
            store, request in
            tokens = (try? request.message(PutRequest.self))?.write.conditions.tokens
            store.answer(request, Bench.written)
        }
        #expect(tokens == [Self.token])
        // The source of a copy is only read.
        tokens = nil
        let fields = "Destination: /new\r\n" + Self.shown
        _ = try ask(head("COPY", "/f", fields), locks: [try Self.held("/f")]) { store, request in
            tokens = (try? request.message(TransferRequest.self))?.tokens
            store.answer(request, Bench.written)
        }
        #expect(tokens == [])
    }

    @Test func someOfTheLocksAreNoGroundForADecision() throws {
        let bench = try Bench()
        bench.store.onRequest = { store, request in
            switch request.type {
            case .lookup: store.answer(request, LookupResponse.file(Bench.facts))
            case .locks: store.answer(request, LocksResponse(locks: [], isComplete: false))
            default: Issue.record("\(request.type)")
            }
            return true
        }
        for (method, fields) in [
            ("DELETE", Self.shown), ("LOCK", Self.shown), ("GET", Self.shown),
            ("COPY", "Destination: /g\r\n"),
        ] {
            try bench.send(head(method, "/f", fields))
            #expect(try bench.output().hasPrefix("HTTP/1.1 507"), "\(method)")
        }
    }

    @Test func whatTheStoreRefusesForLocksIsSaidOfEach() throws {
        func refuse(_ paths: [String]) -> (FakeStore, FakeStore.Received) -> Void {
            { store, request in
                var error = RemoteError(.locked, "locked")
                error.paths = paths.compactMap { try? davPath($0) }
                store.fail(request, error)
            }
        }
        let own = try ask(head("DELETE", "/f"), refuse(["/f"]))
        #expect(own.hasPrefix("HTTP/1.1 423"))
        #expect(own.contains("<D:lock-token-submitted><D:href>/f</D:href>"))
        let members = try ask(head("DELETE", "/d"), refuse(["/d/f"]))
        #expect(members.hasPrefix("HTTP/1.1 207"))
        #expect(members.contains("<D:href>/d/f</D:href><D:status>HTTP/1.1 423 Locked"))
        #expect(members.contains("<D:href>/d/</D:href><D:status>HTTP/1.1 424"))
        let above = try ask(head("DELETE", "/d/f"), refuse([]))
        #expect(above.hasPrefix("HTTP/1.1 423"))
    }

    @Test(arguments: [
        (RemoteError.Code.quotaExceeded, "507 Insufficient Storage"),
        (.directoryNotEmpty, "409 Conflict"), (.timedOut, "503 Service Unavailable"),
    ])
    func whatFailsInATreeIsSaidOfItsMember(_ code: RemoteError.Code, _ status: String) throws {
        func fail(_ paths: [String]) -> (FakeStore, FakeStore.Received) -> Void {
            { store, request in
                var error = RemoteError(code, "no")
                error.paths = paths.compactMap { try? davPath($0) }
                store.fail(request, error)
            }
        }
        let member = try ask(head("DELETE", "/d"), fail(["/d/f"]))
        #expect(member.hasPrefix("HTTP/1.1 207"))
        #expect(member.contains("<D:href>/d/f</D:href><D:status>HTTP/1.1 \(status)"))
        let all = try ask(head("DELETE", "/d"), fail([]))
        #expect(!all.hasPrefix("HTTP/1.1 2"))
    }

    @Test func aLockGoesWithWhatIsDeleted() throws {
        var types: [MessageType] = []
        let output = try ask(head("DELETE", "/f", Self.shown), locks: [try Self.held("/f")]) {
            store, request in
            types.append(request.type)
            request.type == .unlock
                ? store.answer(request, Empty()) : store.answer(request, Bench.written)
        }
        #expect(output.hasPrefix("HTTP/1.1 204"))
        #expect(types == [.delete, .unlock])
    }

    @Test func aCollectionsOwnPropertiesGoWithACopyOfDepthZero() throws {
        let own = [
            DeadProperty(name: XMLName("urn:y", "y"), xml: [UInt8]("<y xmlns=\"urn:y\"/>".utf8))
        ].encoded
        var types: [MessageType] = []
        let output = try ask(head("COPY", "/d", "Destination: /new\r\nDepth: 0\r\n")) {
            store, request in
            types.append(request.type)
            if request.type == .properties {
                let asked = try? request.message(PropertiesRequest.self)
                #expect(asked?.paths.map(\.text) == ["/d"])
                return store.answer(request, PropertiesResponse(properties: [own]))
            }
            if request.type == .setProperties {
                let set = try? request.message(SetPropertiesRequest.self)
                #expect(set?.path.text == "/new")
                #expect(set?.properties == own)
            }
            store.answer(request, Bench.written)
        }
        #expect(output.hasPrefix("HTTP/1.1 201"))
        #expect(types == [.makeDirectory, .properties, .setProperties])
    }

    @Test func propertiesAreReplacedAsTheyWereSeen() throws {
        let body = """
            <propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">1</x></prop></set>\
            </propertyupdate>
            """
        let old = [
            DeadProperty(name: XMLName("urn:y", "y"), xml: [UInt8]("<y xmlns=\"urn:y\"/>".utf8))
        ]
        var attempts = 0
        let output = try ask(
            head(
                "PROPPATCH", "/f",
                "Content-Length: \(body.utf8.count)\r\nIf-Match: \"\(Bench.facts.digest)\"\r\n")
                + body
        ) { store, request in
            if request.type == .properties {
                return store.answer(request, PropertiesResponse(properties: [old.encoded]))
            }
            attempts += 1
            let set = try? request.message(SetPropertiesRequest.self)
            #expect(set?.seen == old.encoded)
            #expect(set?.conditions.ifMatch == .digests([Bench.facts.digest]))
            let new = try? [DeadProperty](decoding: set?.properties ?? [])
            #expect(new?.map(\.name) == [XMLName("urn:y", "y"), XMLName("urn:x", "x")])
            attempts == 1
                ? store.fail(request, .preconditionFailed) : store.answer(request, Bench.written)
        }
        #expect(output.hasPrefix("HTTP/1.1 207"))
        #expect(output.contains("HTTP/1.1 200 OK"))
        #expect(attempts == 2)
    }
}
