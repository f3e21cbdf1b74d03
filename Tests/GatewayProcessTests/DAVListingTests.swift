import IPC
import Model
import NIOCore
import NIOEmbedded
import Testing
import WebDAV

@testable import GatewayProcess

/// What a listing of many members costs, and says of each.
@Suite struct DAVListingTests {
    private static let count = 200

    /// A collection `/d` of many members, all in one page of the store.
    private func bench(
        _ entry: @escaping (Int) -> ListResponse.Entry,
        _ properties: @escaping (PropertiesRequest) -> [[UInt8]] = { $0.paths.map { _ in [] } }
    ) throws -> Bench {
        let bench = try Bench()
        bench.store.onRequest = { store, request in
            switch request.type {
            case .lookup:
                store.answer(
                    request, LookupResponse.directory(modified: Timestamp(nanoseconds: 0)))
            case .list:
                store.answer(
                    request, ListResponse(entries: (0..<Self.count).map(entry), hasMore: false))
            case .properties:
                guard let asked = try? request.message(PropertiesRequest.self) else { break }
                store.answer(request, PropertiesResponse(properties: properties(asked)))
            default: store.fail(request, .invalid)
            }
            return true
        }
        return bench
    }

    private static func name(_ number: Int) -> [UInt8] { [UInt8]("m\(1000 + number)".utf8) }

    private static func file(_ number: Int) -> ListResponse.Entry {
        .file(name: name(number), Bench.facts)
    }

    private static func propfind(_ names: String) -> String {
        let body = "<propfind xmlns=\"DAV:\"><prop>\(names)</prop></propfind>"
        return "PROPFIND /d/ HTTP/1.1\r\nHost: h\r\nDepth: 1\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
    }

    /// The sizes of an answer's chunks.
    private static func chunks(_ output: [UInt8]) throws -> [Int] {
        let text = output[...]
        let end = try #require(text.firstRange(of: "\r\n\r\n".utf8))
        var rest = text[end.upperBound...]
        var sizes: [Int] = []
        while let line = rest.firstRange(of: "\r\n".utf8) {
            let digits = String(decoding: rest[..<line.lowerBound], as: UTF8.self)
            let size = try #require(Int(digits, radix: 16))
            if size == 0 { break }
            sizes.append(size)
            rest = rest[line.upperBound...].dropFirst(size + 2)
        }
        return sizes
    }

    @Test func aListingIsWrittenInPartsThatAreBoundedInBytes() throws {
        let bench = try bench(Self.file)
        let long = String(repeating: "n", count: 1000)
        let names = (0..<10).map { "<p\($0) xmlns=\"\(long)\"/>" }.joined()
        try bench.send(Self.propfind("<getetag/>" + names))
        let sizes = try Self.chunks(try bench.outputBytes())
        #expect(sizes.reduce(0, +) > Self.count * 10_000)
        // What one member has comes on top of what was there.
        #expect(try #require(sizes.max()) <= GatewayLimits.membersByteCount + 12_000)
        #expect(sizes.count > Self.count * 10_000 / (GatewayLimits.membersByteCount + 12_000))
    }

    /// Long properties do not come with a listing.
    private static func described(_ number: Int) -> ListResponse.Entry {
        var facts = Bench.facts
        facts.properties = .elsewhere
        return .file(name: name(number), facts)
    }

    private static let property = DeadProperty(
        name: XMLName("urn:y", "y"),
        xml: [UInt8]("<y xmlns=\"urn:y\">\(String(repeating: "y", count: 10_000))</y>".utf8))

    @Test func longPropertiesAreAskedForAsTheClientTakesThem() throws {
        var asked: [Int] = []
        var client: EmbeddedChannel?
        let bench = try bench(Self.described) { request in
            asked.append(request.paths.count)
            if asked.count == 2 { client?.isWritable = false }
            return request.paths.map { _ in [Self.property].encoded }
        }
        client = bench.client
        try bench.send(Self.propfind("<y xmlns=\"urn:y\"/>"))
        // The collection's own, and of the first members: nobody takes more.
        #expect(asked == [1, IPCLimits.propertiesPathsMax])
        bench.client.isWritable = true
        bench.client.pipeline.fireChannelWritabilityChanged()
        bench.store.pump()
        #expect(asked.reduce(0, +) == 1 + Self.count)
        #expect(asked.max() == IPCLimits.propertiesPathsMax)
    }

    @Test func nothingMoreIsAskedForAClientThatIsGone() throws {
        var asked: [PropertiesRequest] = []
        let bench = try Bench()
        bench.store.onRequest = { store, request in
            switch request.type {
            case .lookup:
                store.answer(
                    request, LookupResponse.directory(modified: Timestamp(nanoseconds: 0)))
            case .list:
                store.answer(
                    request,
                    ListResponse(
                        entries: (0..<Self.count).map(Self.described), hasMore: true))
            case .properties:
                guard let message = try? request.message(PropertiesRequest.self) else { break }
                asked.append(message)
                if asked.count == 2 {
                    bench.client.close(promise: nil)
                    bench.loop.run()
                }
                store.answer(
                    request,
                    PropertiesResponse(
                        properties: message.paths.map { _ in [Self.property].encoded }))
            default: store.fail(request, .invalid)
            }
            return true
        }
        try bench.send(Self.propfind("<y xmlns=\"urn:y\"/>"))
        #expect(asked.count == 2)
        #expect(bench.store.types().filter { $0 == .list }.count == 1)
    }

    @Test func eachCollectionHasTheRoomOfItsOwnQuota() throws {
        let bench = try Bench()
        let time = Timestamp(nanoseconds: 0)
        bench.store.onRequest = { store, request in
            switch request.type {
            case .lookup: store.answer(request, LookupResponse.directory(modified: time))
            case .list:
                let entries = ["a", "b"].map {
                    ListResponse.Entry.directory(name: [UInt8]($0.utf8), modified: time)
                }
                store.answer(request, ListResponse(entries: entries, hasMore: false))
            case .storeStatus:
                store.answer(
                    request,
                    StoreStatus(
                        disk: DiskID(bits: Bits128(high: 1, low: 2)), storageMajor: "rawfile",
                        storageMinor: "1", isEncrypted: false, isReadOnly: false, fileCount: 1,
                        contentByteCount: 70, partitionCount: 1, freeByteCount: 1000,
                        warnings: []))
            case .quotas:
                guard let path = try? davPath("/d/b") else { break }
                let entry = QuotaList.Entry(
                    directory: path, limit: 50, used: 20, isComplete: true)
                store.answer(request, QuotaList(entries: [entry]))
            default: store.fail(request, .invalid)
            }
            return true
        }
        try bench.send(Self.propfind("<quota-available-bytes/>"))
        let output = try bench.output()
        let rooms = output.split(separator: "<D:quota-available-bytes>").dropFirst().map {
            $0.prefix { $0 != "<" }
        }
        #expect(rooms == ["1000", "1000", "30"])
        #expect(bench.store.types().filter { $0 == .quotas }.count == 1)
    }

    /// A file of the collection has a lock; what is asked of all below is answered by `below`.
    private func lockedBench(
        _ below: @escaping (FakeStore, FakeStore.Received) -> Void
    ) throws -> Bench {
        let bench = try Bench()
        let held = HeldLock(
            root: try davPath("/d/m1100"), token: LockToken(bits: Bits128(high: 1, low: 2)),
            owner: [], scope: .exclusive, depth: .zero, seconds: 600, secondsLeft: 600)
        bench.store.onRequest = { store, request in
            switch request.type {
            case .lookup:
                store.answer(
                    request, LookupResponse.directory(modified: Timestamp(nanoseconds: 0)))
            case .list:
                let entries = (0..<Self.count).map(Self.file)
                store.answer(request, ListResponse(entries: entries, hasMore: false))
            case .locks:
                guard let asked = try? request.message(LocksRequest.self) else { break }
                if asked.reach != .path {
                    below(store, request)
                } else {
                    let locks = asked.path == held.root ? [held] : []
                    store.answer(request, LocksResponse(locks: locks, isComplete: true))
                }
            default: store.fail(request, .invalid)
            }
            return true
        }
        return bench
    }

    @Test func whereThereAreTooManyLocksThoseOfEachMemberAreAskedFor() throws {
        let answers: [(FakeStore, FakeStore.Received) -> Void] = [
            { $0.answer($1, LocksResponse(locks: [], isComplete: false)) },
            { $0.fail($1, .tooManyLocks) },
        ]
        for answer in answers {
            let bench = try lockedBench(answer)
            try bench.send(Self.propfind("<lockdiscovery/>"))
            let output = try bench.output()
            #expect(output.hasPrefix("HTTP/1.1 207"))
            let locked = output.split(separator: "<D:response>").filter {
                $0.contains("<D:activelock>")
            }
            #expect(locked.count == 1)
            #expect(locked.first?.contains("<D:href>/d/m1100</D:href>") == true)
            #expect(output.contains("</D:multistatus>"))
        }
        // Else all are asked for at once.
        let bench = try lockedBench { $0.answer($1, LocksResponse(locks: [], isComplete: true)) }
        try bench.send(Self.propfind("<lockdiscovery/>"))
        #expect(bench.store.types().filter { $0 == .locks }.count == 1)
    }
}
