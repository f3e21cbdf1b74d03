import IPC
import Model
import Testing

@testable import GatewayProcess

/// A store that knows of a cluster: it answers what is asked of it, and keeps the orders.
final class ClusterBench {
    let bench: Bench
    var orders: [AdministerRequest] = []
    var cluster: ClusterStatus
    var settings = [
        ClusterSettingsList.Entry(
            key: "grace_before_out", value: "600", standard: "600", type: "seconds",
            range: "10..2592000", setAt: nil, setBy: ""),
        ClusterSettingsList.Entry(
            key: "of_tomorrow", value: "x", standard: "", type: "text", range: "",
            setAt: Timestamp(nanoseconds: 1_000_000_000), setBy: "n2"),
        ClusterSettingsList.Entry(
            key: "partition_sync_interval_seconds", value: "300", standard: "300", type: "seconds",
            range: "1..3600", setAt: nil, setBy: ""),
        ClusterSettingsList.Entry(
            key: "partition_sync_paused", value: "false", standard: "false", type: "boolean",
            range: "true|false", setAt: nil, setBy: ""),
        ClusterSettingsList.Entry(
            key: "write_policy", value: "majority", standard: "available", type: "choice",
            range: "available|majority", setAt: Timestamp(nanoseconds: 2_000_000_000), setBy: "n1"),
    ]
    /// Partitions that lack copies; the store answers at most so many at once.
    var lacking: [UInt16] = []
    var pageCount = 50
    var healthRequests = 0
    /// What an order is answered, by its place; nil: done.
    var refusals: [Int: RemoteError.Code] = [:]
    var storeAnswers = true
    /// Files of a partition as the store tells them, by its number; nil: it cannot say.
    var files: ((UInt16) -> PartitionFilesResponse.Entry)? = { _ in .init(fileCount: 0, files: []) }
    var fileRequests = 0
    /// What the store says of a pass of comparisons, and what it was asked.
    var repair = RepairStatus(number: 0, isDone: true, peers: [])
    var repairs: [RepairRequest] = []
    /// Answers to checks of contents, one after the other; the last one again and again.
    var checks: [IntegrityResponse] = []
    var checksAsked: [IntegrityRequest] = []
    /// What the store says of its copy of the state, and what it was asked.
    var inspected = InspectResponse.items([], next: nil)
    var inspections: [InspectRequest] = []
    /// What the store says of disks; nil: it does not answer.
    var usage: NodeUsageList?

    init(isFromLoopback: Bool = true) throws {
        bench = try Bench(isFromLoopback: isFromLoopback)
        var own = ClusterStatus.Node(node: Self.node("n1"), isOwn: true, state: .alive)
        own.isStorage = true
        own.isMember = true
        var other = ClusterStatus.Node(node: Self.node("n2"), isOwn: false, state: .alive)
        other.zone = "cellar"
        other.addresses = ["10.0.0.2:30001"]
        let dead = ClusterStatus.Node(node: Self.node("n3"), isOwn: false, state: .dead)
        cluster = ClusterStatus(
            cluster: String(repeating: "ab", count: 16), clusterName: "default",
            replicationFactor: 3, nodes: [own, other, dead], layoutCount: 2, isSettled: false,
            isClockInDoubt: false)
        bench.store.onRequest = { [unowned self] store, request in
            answer(store, request)
            return true
        }
    }

    static func node(_ name: String) -> NodeID {
        guard let node = NodeID(name) else { preconditionFailure("a node's id: \(name)") }
        return node
    }

    private func answer(_ store: FakeStore, _ request: FakeStore.Received) {
        guard storeAnswers else { return store.fail(request, .unavailable) }
        switch request.type {
        case .storeStatus:
            store.answer(
                request,
                StoreStatus(
                    disk: Bench.facts.dot.disk, storageMajor: "rawfile", storageMinor: "1",
                    isEncrypted: false, isReadOnly: false, fileCount: 7, contentByteCount: 70,
                    partitionCount: 6, freeByteCount: 9, warnings: []))
        case .clusterStatus: store.answer(request, cluster)
        case .settings: store.answer(request, ClusterSettingsList(entries: settings))
        case .administer:
            guard let order = try? request.message(AdministerRequest.self) else { return }
            if let code = refusals[orders.count] { return store.fail(request, code) }
            orders.append(order)
            if case .setReplicationFactor(let factor) = order {
                cluster.replicationFactor = UInt8(clamping: factor)
            }
            store.answer(request, Empty())
        case .partitionHealth:
            guard let asked = try? request.message(PartitionHealthRequest.self) else { return }
            healthRequests += 1
            store.answer(request, health(asked))
        case .partitionFiles:
            guard let asked = try? request.message(PartitionFilesRequest.self) else { return }
            fileRequests += 1
            guard let files else { return store.fail(request, .unavailable) }
            store.answer(
                request,
                PartitionFilesResponse(entries: asked.partitions.map { files($0.number) }))
        case .inspect:
            guard let asked = try? request.message(InspectRequest.self) else { return }
            inspections.append(asked)
            store.answer(request, inspected)
        case .repair:
            guard let asked = try? request.message(RepairRequest.self) else { return }
            repairs.append(asked)
            store.answer(request, repair)
        case .integrity:
            guard let asked = try? request.message(IntegrityRequest.self) else { return }
            checksAsked.append(asked)
            guard let next = checks.first else { return store.fail(request, .unavailable) }
            if checks.count > 1 { checks.removeFirst() }
            store.answer(request, next)
        case .restartCluster:
            store.answer(request, RestartPlan(nodes: [Self.node("n2"), Self.node("n1")]))
        case .nodeUsage:
            guard let usage else { return store.fail(request, .unavailable) }
            store.answer(request, usage)
        default: store.fail(request, .invalid)
        }
    }

    private func health(_ asked: PartitionHealthRequest) -> PartitionHealthResponse {
        let rest = lacking.filter { number in asked.after.map { number > $0.number } ?? true }
        let page = rest.prefix(min(Int(asked.limit), pageCount))
        return PartitionHealthResponse(
            replicationFactor: cluster.replicationFactor,
            entries: page.map {
                .init(
                    partition: Partition(number: $0), holders: [Self.node("n1")], missingCount: 2,
                    itemCount: 5)
            }, hasMore: page.count < rest.count)
    }

    struct Answer {
        var status: Int
        var head: String
        var body: String
        var json: JSONValue { (try? JSONReader.read([UInt8](body.utf8))) ?? .null }
        var errorCode: String? { json["error"]?["code"]?.text }
    }

    func ask(
        _ method: String, _ path: String, _ body: String? = nil, _ fields: String = ""
    ) throws -> Answer {
        var text = "\(method) \(path) HTTP/1.1\r\nHost: localhost:8080\r\n\(fields)"
        if let body { text += "Content-Length: \(body.utf8.count)\r\n" }
        try bench.send(text + "\r\n" + (body ?? ""))
        // Further turns for what is asked after an answer.
        for _ in 0..<4 { bench.store.pump() }
        let output = try bench.output()
        let parts = output.components(startingAt: "\r\n\r\n")
        let status = output.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        let body = parts.first ?? ""
        let head = String(output.dropLast(body.count))
        return Answer(status: status ?? 0, head: head, body: body)
    }
}

@Suite struct ReplicationFactorTests {
    @Test func itIsToldAndSet() throws {
        let cluster = try ClusterBench()
        let told = try cluster.ask("GET", "/api/replication-factor")
        #expect(told.status == 200)
        #expect(told.body == #"{"replication_factor":3}"#)
        for factor in [1, 255, 5] {
            let set = try cluster.ask(
                "PUT", "/api/replication-factor", "{\"replication_factor\": \(factor)}")
            #expect(set.status == 200)
            #expect(set.body == "{\"success\":true,\"replication_factor\":\(factor)}")
        }
        #expect(
            cluster.orders == [
                .setReplicationFactor(1), .setReplicationFactor(255), .setReplicationFactor(5),
            ])
        #expect(try cluster.ask("GET", "/api/replication-factor").body.hasSuffix(":5}"))
        let head = try cluster.ask("HEAD", "/api/replication-factor")
        #expect(head.status == 200)
        #expect(head.body.isEmpty)
    }

    @Test(arguments: [
        #"{"replication_factor":0}"#, #"{"replication_factor":256}"#,
        #"{"replication_factor":-1}"#, #"{"replication_factor":2.5}"#,
        #"{"replication_factor":3.0}"#, #"{"replication_factor":3e0}"#,
        #"{"replication_factor":"3"}"#, #"{"replication_factor":true}"#,
        #"{"replication_factor":null}"#, #"{"replication_factor":[3]}"#,
        #"{"replication_factor":99999999999999999999}"#, #"{}"#, #"{"factor":3}"#,
        #"{"replication_factor":3,"x":1}"#, #"{"replication_factor":3}x"#,
        #"{"replication_factor":3,"replication_factor":4}"#, #"{"replication_factor":3"#, "", "3",
        "[3]", "replication_factor=3",
    ])
    func whatIsNoFactorIs400AndChangesNothing(body: String) throws {
        let cluster = try ClusterBench()
        let answer = try cluster.ask("PUT", "/api/replication-factor", body)
        #expect(answer.status == 400)
        #expect(answer.json["error"]?["message"]?.text?.isEmpty == false)
        #expect(answer.json["error"]?["hint"] != nil)
        #expect(cluster.orders.isEmpty)
    }

    @Test func aStoreThatRefusesIsSaid() throws {
        let cluster = try ClusterBench()
        cluster.refusals = [0: .unavailable]
        let answer = try cluster.ask(
            "PUT", "/api/replication-factor", #"{"replication_factor":2}"#)
        #expect(answer.status == 503)
    }
}

@Suite struct BodyLimitTests {
    private let path = "/api/replication-factor"

    @Test func aBodyUpToTheLimitIsRead() throws {
        let cluster = try ClusterBench()
        let body = #"{"replication_factor":2}"#
        let padding = String(
            repeating: " ", count: GatewayLimits.jsonBodyByteCountMax - body.utf8.count)
        #expect(try cluster.ask("PUT", path, body + padding).status == 200)
        let longer = try cluster.ask("PUT", path, body + padding + " ")
        #expect(longer.status == 413)
        #expect(longer.errorCode == "too_large")
        #expect(cluster.orders.count == 1)
    }

    @Test func aChunkedBodyIsBoundedToo() throws {
        let cluster = try ClusterBench()
        let piece = String(repeating: " ", count: 0x8000)
        let chunk = "8000\r\n\(piece)\r\n"
        let answer = try cluster.ask(
            "PUT", path + "", nil,
            "Transfer-Encoding: chunked\r\n\r\n\(chunk)\(chunk)1\r\n \r\n0\r\n")
        #expect(answer.status == 413)
        let small = try ClusterBench()
        let body = #"{"replication_factor":2}"#
        let read = try small.ask(
            "PUT", path, nil,
            "Transfer-Encoding: chunked\r\n\r\n"
                + "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n")
        #expect(read.status == 200)
    }
}

@Suite struct SettingsRouteTests {
    private func list(_ answer: ClusterBench.Answer) -> [String: JSONValue] {
        var found: [String: JSONValue] = [:]
        for setting in answer.json["settings"]?.elements ?? [] {
            found[setting["key"]?.text ?? ""] = setting
        }
        return found
    }

    @Test func allAreListedWithWhatTheyMayBe() throws {
        let cluster = try ClusterBench()
        let answer = try cluster.ask("GET", "/api/settings")
        #expect(answer.status == 200)
        let all = list(answer)
        #expect(
            answer.json["settings"]?.elements?.compactMap { $0["key"]?.text } == [
                "grace_before_out", "of_tomorrow", "partition_sync_interval_seconds",
                "partition_sync_paused", "replication_factor", "write_policy",
            ])
        let grace = all["grace_before_out"]
        #expect(grace?["value"] == .number("600"))
        #expect(grace?["default"] == .number("600"))
        #expect(grace?["type"] == .string("seconds"))
        #expect(grace?["range"] == .string("10..2592000"))
        #expect(grace?["set_at"] == .null)
        #expect(grace?["set_by"] == .null)
        let policy = all["write_policy"]
        #expect(policy?["value"] == .string("majority"))
        #expect(policy?["default"] == .string("available"))
        #expect(policy?["range"] == .string("available|majority"))
        #expect(policy?["set_at"] == .string("1970-01-01T00:00:02Z"))
        #expect(policy?["set_by"] == .string("n1"))
        #expect(all["partition_sync_paused"]?["value"] == .bool(false))
        #expect(all["partition_sync_interval_seconds"]?["value"] == .number("300"))
        #expect(all["replication_factor"]?["value"] == .number("3"))
    }

    @Test func severalAreSetInOrderAndTheAnswerIsTheNewList() throws {
        let cluster = try ClusterBench()
        let answer = try cluster.ask(
            "PATCH", "/api/settings",
            #"{"write_policy":"available","grace_before_out":60,"partition_sync_paused":true,"#
                + #""replication_factor":2,"partition_sync_interval_seconds":"30","#
                + #""of_tomorrow":null}"#)
        #expect(answer.status == 200)
        #expect(
            cluster.orders == [
                .set(key: "write_policy", value: "available"),
                .set(key: "grace_before_out", value: "60"),
                .set(key: "partition_sync_paused", value: "true"), .setReplicationFactor(2),
                .set(key: "partition_sync_interval_seconds", value: "30"),
                .set(key: "of_tomorrow", value: ""),
            ])
        #expect(list(answer)["replication_factor"]?["value"] == .number("2"))
    }

    @Test func nullIsTheDefault() throws {
        let cluster = try ClusterBench()
        let answer = try cluster.ask(
            "PATCH", "/api/settings", #"{"replication_factor":null,"write_policy":null}"#)
        #expect(answer.status == 200)
        #expect(
            cluster.orders == [.setReplicationFactor(3), .set(key: "write_policy", value: "")])
    }

    @Test(arguments: [
        (#"{"write_policy":"majority","grace_before_out":9}"#, "bad_value"),
        (#"{"write_policy":"majority","grace_before_out":60.0}"#, "bad_value"),
        (#"{"write_policy":"majority","grace_before_out":"6e1"}"#, "bad_value"),
        (#"{"write_policy":"majority","grace_before_out":true}"#, "bad_value"),
        (#"{"write_policy":"majority","grace_before_out":[60]}"#, "bad_value"),
        (#"{"grace_before_out":60,"write_policy":"all"}"#, "bad_value"),
        (#"{"grace_before_out":60,"write_policy":""}"#, "bad_value"),
        (#"{"grace_before_out":60,"replication_factor":256}"#, "bad_value"),
        (#"{"grace_before_out":60,"replication_factor":0}"#, "bad_value"),
        (#"{"grace_before_out":60,"partition_sync_interval_seconds":3601}"#, "bad_value"),
        (#"{"grace_before_out":60,"partition_sync_paused":"yes"}"#, "bad_value"),
        (#"{"grace_before_out":60,"martian":1}"#, "unknown_setting"),
        (#"{"grace_before_out":60,"grace_before_out":70}"#, "bad_json"),
        ("{}", "nothing_to_set"), ("[]", "bad_json"), ("", "bad_json"),
    ])
    func oneThatIsRefusedLeavesAllUnchanged(body: String, code: String) throws {
        let cluster = try ClusterBench()
        let answer = try cluster.ask("PATCH", "/api/settings", body)
        #expect(answer.status == 400)
        #expect(answer.errorCode == code)
        #expect(cluster.orders.isEmpty)
    }

    @Test func whatTheStoreRefusesIsSaidWithWhatWasSetBefore() throws {
        let cluster = try ClusterBench()
        cluster.refusals = [1: .invalid]
        let answer = try cluster.ask(
            "PATCH", "/api/settings", #"{"grace_before_out":60,"write_policy":"available"}"#)
        #expect(answer.status == 400)
        #expect(answer.json["error"]?["message"]?.text?.hasPrefix("write_policy: ") == true)
        #expect(answer.json["error"]?["hint"]?.text == "Set before it: grace_before_out.")
    }
}

@Suite struct PartitionSyncTests {
    @Test func intervalAndPauseHaveDefaults() throws {
        let cluster = try ClusterBench()
        #expect(
            try cluster.ask("GET", "/api/partition-sync-interval").body
                == #"{"partition_sync_interval_seconds":300}"#)
        #expect(try cluster.ask("GET", "/api/partition-sync-pause").body == #"{"paused":false}"#)
    }

    @Test func whatIsSetIsTold() throws {
        let cluster = try ClusterBench()
        func set(_ key: String, _ value: String) throws {
            let index = cluster.settings.firstIndex { $0.key == "partition_sync_\(key)" }
            cluster.settings[try #require(index)].value = value
        }
        try set("interval_seconds", "30")
        try set("paused", "true")
        #expect(try cluster.ask("GET", "/api/partition-sync-interval").body.hasSuffix(":30}"))
        #expect(try cluster.ask("GET", "/api/partition-sync-pause").body == #"{"paused":true}"#)
        try set("interval_seconds", "of tomorrow")
        #expect(try cluster.ask("GET", "/api/partition-sync-interval").body.hasSuffix(":300}"))
    }

    @Test func bothAreSettings() throws {
        let cluster = try ClusterBench()
        let interval = try cluster.ask(
            "PUT", "/api/partition-sync-interval", #"{"partition_sync_interval_seconds":3600}"#)
        #expect(interval.body == #"{"success":true,"partition_sync_interval_seconds":3600}"#)
        let pause = try cluster.ask("PUT", "/api/partition-sync-pause", #"{"paused":true}"#)
        #expect(pause.body == #"{"success":true,"paused":true}"#)
        #expect(
            cluster.orders == [
                .set(key: "partition_sync_interval_seconds", value: "3600"),
                .set(key: "partition_sync_paused", value: "true"),
            ])
    }

    @Test(arguments: [
        ("interval", #"{"partition_sync_interval_seconds":0}"#),
        ("interval", #"{"partition_sync_interval_seconds":3601}"#),
        ("interval", #"{"partition_sync_interval_seconds":1.5}"#), ("interval", "{}"),
        ("pause", #"{"paused":1}"#), ("pause", #"{"paused":"true"}"#), ("pause", "{}"),
        ("pause", #"{"paused":null}"#),
    ])
    func otherValuesAre400(name: String, body: String) throws {
        let cluster = try ClusterBench()
        #expect(try cluster.ask("PUT", "/api/partition-sync-\(name)", body).status == 400)
        #expect(cluster.orders.isEmpty)
    }
}
