import IPC
import Model
import NIOCore
import NIOEmbedded
import Testing
import WebDAV

@testable import GatewayProcess

@Suite struct DAVRouteTests {
    /// A tree in memory: a path without a slash at its end is a file.
    private func bench(
        _ paths: [String], _ settings: [String: String] = [:]
    ) throws -> (Bench, Asked) {
        let bench = try Bench(settings)
        let asked = Asked()
        bench.store.onRequest = { store, request in
            asked.types.append(request.type)
            Self.answer(store, request, paths)
            return true
        }
        return (bench, asked)
    }

    /// What came to the store.
    private final class Asked {
        var types: [MessageType] = []
    }

    private static func answer(
        _ store: FakeStore, _ request: FakeStore.Received, _ paths: [String]
    ) {
        switch request.type {
        case .lookup:
            guard let path = (try? request.message(LookupRequest.self))?.path.text else { return }
            if paths.contains(path) {
                store.answer(request, LookupResponse.file(Bench.facts))
            } else if paths.contains(where: { $0.hasPrefix(path + "/") }) {
                store.answer(
                    request, LookupResponse.directory(modified: Timestamp(nanoseconds: 0)))
            } else {
                store.fail(request, .notFound)
            }
        case .list:
            guard let list = try? request.message(ListRequest.self) else { return }
            list.path.isRoot || paths.contains { $0.hasPrefix(list.path.text + "/") }
                ? store.answer(request, page(list, paths)) : store.fail(request, .notFound)
        case .put, .transfer, .setProperties: store.answer(request, Bench.written)
        case .locks: store.answer(request, LocksResponse(locks: [], isComplete: true))
        case .unlock: store.answer(request, Empty())
        case .quotas: store.answer(request, QuotaList(entries: []))
        case .properties:
            let asked = (try? request.message(PropertiesRequest.self))?.paths ?? []
            store.answer(
                request, PropertiesResponse(properties: asked.map { _ in [UInt8]() }))
        case .makeDirectory, .delete:
            var response = Bench.written
            response.outcome = request.type == .delete ? .deleted : .directoryMade
            store.answer(request, response)
        default: store.fail(request, .invalid)
        }
    }

    /// Pages of two, so that lists go on.
    private static func page(_ list: ListRequest, _ paths: [String]) -> ListResponse {
        let prefix = String(decoding: list.path.directoryPrefix, as: UTF8.self)
        var names: [String: Bool] = [:]
        for path in paths where path.hasPrefix(prefix) {
            let rest = path.dropFirst(prefix.count)
            guard let slash = rest.firstIndex(of: "/") else {
                if !rest.isEmpty { names[String(rest)] = false }
                continue
            }
            names[String(rest[..<slash])] = true
        }
        let after = String(decoding: list.after, as: UTF8.self)
        let rest = names.sorted { $0.key < $1.key }.filter { after.isEmpty || $0.key > after }
        let entries = rest.prefix(2).map { name, isDirectory in
            isDirectory
                ? ListResponse.Entry.directory(
                    name: [UInt8](name.utf8), modified: Timestamp(nanoseconds: 0))
                : .file(name: [UInt8](name.utf8), Bench.facts)
        }
        return ListResponse(entries: entries, hasMore: rest.count > 2)
    }

    private func head(_ method: String, _ path: String, _ fields: String = "") -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: h\r\n\(fields)\r\n"
    }

    private func hrefs(_ output: String) -> [String] {
        var rest = output[...]
        var result: [String] = []
        while let start = rest.firstRange(of: "<D:response><D:href>") {
            rest = rest[start.upperBound...]
            guard let end = rest.firstRange(of: "</D:href>") else { break }
            result.append(String(rest[..<end.lowerBound]))
        }
        return result
    }

    private static let tree = ["/a", "/b", "/c&<", "/d/e", "/d/f/g", "/d/h", "/z/"]

    @Test func optionsAskNobody() throws {
        let (bench, asked) = try bench([])
        for path in ["/", "/dav/", "/anything", "/status", "*"] {
            try bench.send(head("OPTIONS", path, "Origin: http://elsewhere\r\n"))
            let output = try bench.output()
            #expect(output.hasPrefix("HTTP/1.1 200"))
            #expect(output.contains("\r\nMS-Author-Via: DAV\r\n"))
            #expect(output.contains("\r\nDAV: 1, "))
            #expect(output.contains("PROPFIND"))
        }
        #expect(asked.types.isEmpty)
    }

    @Test func aListingHasEveryMemberOnceInPages() throws {
        let (bench, _) = try bench(Self.tree)
        try bench.send(head("PROPFIND", "/", "Depth: 1\r\n"))
        let root = try bench.output()
        #expect(root.hasPrefix("HTTP/1.1 207"))
        #expect(hrefs(root) == ["/", "/a", "/b", "/c%26%3C", "/d/", "/z/"])
        #expect(root.hasSuffix("</D:multistatus>\n\r\n0\r\n\r\n"))
        try bench.send(head("PROPFIND", "/dav/d"))
        let deep = try bench.output()
        #expect(hrefs(deep) == ["/dav/d/", "/dav/d/e", "/dav/d/f/", "/dav/d/f/g", "/dav/d/h"])
        try bench.send(head("PROPFIND", "/d/", "Depth: 0\r\n"))
        #expect(hrefs(try bench.output()) == ["/d/"])
    }

    @Test func aCollectionThatIsServedIsTheClientsRoot() throws {
        let (bench, _) = try bench(Self.tree, ["webdav": "/d"])
        try bench.send(head("PROPFIND", "/dav", "Depth: 1\r\n"))
        #expect(hrefs(try bench.output()) == ["/dav/", "/dav/e", "/dav/f/", "/dav/h"])
        try bench.send(head("GET", "/a"))
        #expect(try bench.output().hasPrefix("HTTP/1.1 404"))
    }

    @Test func whatWouldBeTheTreeItselfIsListedBelowThePrefixAlone() throws {
        let (bench, _) = try bench(["/a", "/dav/x", "/davos/dav/y", "/e"])
        let plain = ["/", "/a", "/davos/", "/davos/dav/", "/davos/dav/y", "/e"]
        try bench.send(head("PROPFIND", "/", "Depth: infinity\r\n"))
        #expect(hrefs(try bench.output()).sorted() == plain)
        try bench.send(head("PROPFIND", "/", "Depth: 1\r\n"))
        #expect(hrefs(try bench.output()) == ["/", "/a", "/davos/", "/e"])
        try bench.send(head("PROPFIND", "/dav/", "Depth: infinity\r\n"))
        #expect(
            hrefs(try bench.output()).sorted()
                == [
                    "/dav/", "/dav/a", "/dav/dav/", "/dav/dav/x", "/dav/davos/",
                    "/dav/davos/dav/", "/dav/davos/dav/y", "/dav/e",
                ])
    }

    @Test func aBodyOfXMLIsReadAndWhatIsNoneIsRefused() throws {
        let (bench, asked) = try bench(Self.tree)
        for (body, status) in [("<x/>", "400"), ("<propfind", "400"), ("", "207")] {
            try bench.send(
                head("PROPFIND", "/a", "Depth: 0\r\nContent-Length: \(body.utf8.count)\r\n") + body)
            #expect(try bench.output().hasPrefix("HTTP/1.1 \(status)"))
        }
        #expect(asked.types == [.lookup, .locks])
        try bench.send(head("PROPFIND", "/a", "Depth: 0\r\nContent-Length: 300000\r\n"))
        #expect(try bench.output().hasPrefix("HTTP/1.1 413"))
    }

    @Test func aRuleThatWasBrokenIsSaidInXML() throws {
        let (bench, _) = try bench(Self.tree)
        let body = "<!DOCTYPE a SYSTEM \"x\"><propfind xmlns=\"DAV:\"><allprop/></propfind>"
        try bench.send(
            head("PROPFIND", "/a", "Depth: 0\r\nContent-Length: \(body.utf8.count)\r\n") + body)
        let output = try bench.output()
        #expect(output.hasPrefix("HTTP/1.1 403"))
        #expect(output.contains("\r\nContent-Type: application/xml; charset=utf-8\r\n"))
        #expect(output.contains("<D:error xmlns:D=\"DAV:\"><D:no-external-entities/></D:error>"))
    }

    @Test func anUploadIsAskedForOnceItFits() throws {
        let (bench, asked) = try bench(Self.tree)
        let body = "Content-Length: 5\r\n"
        try bench.send(head("PUT", "/d/new", body) + "hello")
        let made = try bench.output()
        #expect(made.hasPrefix("HTTP/1.1 201"))
        let tag = String(decoding: EntityTag.short(Bench.facts.digest), as: UTF8.self)
        #expect(made.contains("\r\nETag: \(tag)\r\n"))
        #expect(made.contains("\r\nContent-Length: 0\r\n"))
        #expect(asked.types.last == .put)
        asked.types = []
        try bench.send(head("PUT", "/none/new", body) + "hello")
        #expect(try bench.output().hasPrefix("HTTP/1.1 409"))
        #expect(Set(asked.types) == [.lookup])
        // Who asks whether to go on hears it before the body is sent.
        try bench.send(head("PUT", "/none/new", body + "Expect: 100-continue\r\n"))
        #expect(try bench.output().hasPrefix("HTTP/1.1 409"))
    }

    @Test func whatIsReplacedIsDeletedBeforeTheMove() throws {
        let (bench, asked) = try bench(Self.tree)
        try bench.send(head("MOVE", "/d/", "Destination: /z/\r\n"))
        #expect(try bench.output().hasPrefix("HTTP/1.1 204"))
        let reading: Set<MessageType> = [.lookup, .locks, .quotas, .list]
        #expect(asked.types.filter { !reading.contains($0) } == [.delete, .transfer])
    }

    @Test func nothingIsDeletedForWhatCannotBeDone() throws {
        let long = String(repeating: "/nnnnnnnnnnnnnnn", count: 255)
        let tree = ["/d/e", "/d/" + String(repeating: "n", count: 100), long + "/x", "/q/x", "/f"]
        // A path too long there, no room, a source that went.
        for (to, limit, goes, status) in [
            (long, 100, false, 400), ("/q", 9, false, 507), ("/q", 100, true, 404),
            ("/q", 10, false, 204),
        ] {
            let bench = try Bench()
            var lookups = 0
            bench.store.onRequest = { store, request in
                switch request.type {
                case .quotas:
                    guard let path = try? davPath("/q") else { break }
                    // What is there is one file of five bytes.
                    store.answer(
                        request,
                        QuotaList(entries: [
                            .init(
                                directory: path, limit: UInt64(limit), used: 5, isComplete: true)
                        ]))
                case .lookup where goes:
                    guard let message = try? request.message(LookupRequest.self) else { break }
                    lookups += message.path.text == "/d" ? 1 : 0
                    lookups < 2
                        ? Self.answer(store, request, tree) : store.fail(request, .notFound)
                default: Self.answer(store, request, tree)
                }
                return true
            }
            try bench.send(head("COPY", "/d", "Destination: \(to)\r\n"))
            #expect(try bench.output().hasPrefix("HTTP/1.1 \(status)"), "\(to) \(limit)")
            let isDone = status == 204
            #expect(bench.store.types().contains(.delete) == isDone)
            #expect(bench.store.types().contains(.transfer) == isDone)
        }
    }

    @Test func aQuotaOverBothEndsHasRoomForAMove() throws {
        let list = QuotaList(entries: [
            .init(directory: try davPath("/q"), limit: 100, used: 90, isComplete: true),
            .init(directory: try davPath("/q/a"), limit: 50, used: 60, isComplete: true),
            .init(directory: try davPath("/r"), limit: 10, used: nil, isComplete: false),
        ])
        func left(_ path: String, from source: String?) throws -> UInt64? {
            DAVQuota.left(in: list, for: try davPath(path), movedFrom: try source.map(davPath))
        }
        #expect(try left("/q/b", from: nil) == 10)
        #expect(try left("/q/b", from: "/x") == 10)
        #expect(try left("/q/b", from: "/q/a/c") == nil)
        #expect(try left("/q/a/c", from: "/q/b") == 0)
        #expect(try left("/r/b", from: nil) == nil)
        #expect(try left("/x", from: nil) == nil)
    }

    @Test func othersWhoWereFasterAreNoticed() throws {
        let bench = try Bench()
        bench.store.onRequest = { store, request in
            if request.type == .lookup { store.fail(request, .notFound) }
            if request.type == .makeDirectory {
                var response = Bench.written
                response.outcome = .directoryExisted
                store.answer(request, response)
            }
            return true
        }
        try bench.send(head("MKCOL", "/x"))
        #expect(try bench.output().hasPrefix("HTTP/1.1 405"))
    }

    @Test func aListingThatFailsOnTheWayIsCutOff() throws {
        let bench = try Bench()
        var pages = 0
        bench.store.onRequest = { store, request in
            guard request.type == .list else {
                Self.answer(store, request, ["/d/a"])
                return true
            }
            pages += 1
            let entry = ListResponse.Entry.file(name: [0x61], Bench.facts)
            pages == 1
                ? store.answer(request, ListResponse(entries: [entry], hasMore: true))
                : store.fail(request, .unavailable)
            return true
        }
        try bench.send(head("PROPFIND", "/d/", "Depth: 1\r\n"))
        let output = try bench.output()
        #expect(hrefs(output) == ["/d/", "/d/a"])
        #expect(!output.contains("</D:multistatus>"))
        bench.loop.run()
        #expect(bench.isClosed)
    }

    @Test func quotasAreTheTightestAndTheNearest() throws {
        func entry(_ path: String, _ limit: UInt64, _ used: UInt64?) throws -> QuotaList.Entry {
            .init(directory: try davPath(path), limit: limit, used: used, isComplete: true)
        }
        let status = StoreStatus(
            disk: DiskID(bits: Bits128(high: 1, low: 2)), storageMajor: "rawfile",
            storageMinor: "1", isEncrypted: false, isReadOnly: false, fileCount: 1,
            contentByteCount: 70, partitionCount: 1, freeByteCount: 1000, warnings: [])
        let list = QuotaList(entries: [
            try entry("/d", 500, 100), try entry("/d/f", 900, 20), try entry("/other", 1, 1),
        ])
        let deep = DAVQuota.quota(for: try davPath("/d/f/g"), status, list)
        #expect(deep == .init(availableByteCount: 400, usedByteCount: 20))
        let plain = DAVQuota.quota(for: try davPath("/x"), status, list)
        #expect(plain == .init(availableByteCount: 1000, usedByteCount: 70))
        let unknown = QuotaList(entries: [try entry("/d", 5, nil)])
        #expect(
            DAVQuota.quota(for: try davPath("/d"), status, unknown).availableByteCount == 1000)
    }
}
