import IPC
import Model
import Testing

@testable import GatewayProcess

@Suite struct ClusterPageTests {
    @Test func statsAreTheCoreOfStatusAndAllNodes() throws {
        let cluster = try ClusterBench()
        cluster.lacking = [1, 2]
        let stats = try cluster.ask("GET", "/api/cluster-stats").json
        let status = try cluster.ask("GET", "/status").json
        for name in [
            "node_id", "version", "data_dir", "http_port", "peer_port", "discovery_port",
            "uptime_seconds", "replication_factor", "partition_stats", "peers",
        ] {
            #expect(stats[name] != nil)
            #expect(stats[name] == status[name], "\(name)")
        }
        #expect(stats["node_id"] == .string("n1"))
        #expect(stats["replication_factor"] == .number("3"))
        #expect(stats["peers"] == .number("1"))
        #expect(stats["timestamp"]?.text != nil)
        let nodes = stats["peer_list"]?.elements ?? []
        #expect(nodes.compactMap { $0["node_id"]?.text } == ["n1", "n2", "n3"])
        #expect(nodes.compactMap { $0["state"]?.text } == ["alive", "alive", "dead"])
        #expect(nodes[0]["is_self"] == .bool(true))
        #expect(nodes[1]["zone"] == .string("cellar"))
        #expect(nodes[1]["addresses"] == .array([.string("10.0.0.2:30001")]))
    }

    @Test func disksAndWhenNodesWereHeardAreNullWhereNobodyKnows() throws {
        let cluster = try ClusterBench()
        func nodes() throws -> [JSONValue] {
            let answer = try cluster.ask("GET", "/api/cluster-stats")
            #expect(answer.status == 200)
            return answer.json["peer_list"]?.elements ?? []
        }
        for node in try nodes() {
            for name in ["bytes_stored", "bytes_free", "last_seen"] { #expect(node[name] == .null) }
        }
        cluster.usage = NodeUsageList(entries: [
            .init(
                node: ClusterBench.node("n1"),
                disk: .init(storedByteCount: 5, freeByteCount: 1 << 40),
                lastHeard: Timestamp(nanoseconds: 2_000_000_000)),
            .init(
                node: ClusterBench.node("n3"), disk: nil,
                lastHeard: Timestamp(nanoseconds: 1_000_000_000)),
        ])
        let told = try nodes()
        #expect(told[0]["bytes_stored"] == .number("5"))
        #expect(told[0]["bytes_free"] == .number("1099511627776"))
        #expect(told[0]["last_seen"] == .string("1970-01-01T00:00:02Z"))
        #expect(told[1]["last_seen"] == .null)
        #expect(told[2]["bytes_free"] == .null)
        #expect(told[2]["last_seen"] == .string("1970-01-01T00:00:01Z"))
    }

    @Test func partitionStatsTellWhatTheStoreKnows() throws {
        let cluster = try ClusterBench()
        cluster.lacking = [1, 2, 9]
        let stats = try cluster.ask("GET", "/api/partition-stats").json
        let expected: [(String, JSONValue)] = [
            ("local_partitions", .number("6")), ("total_partitions", .number("65536")),
            ("under_replicated", .number("3")), ("under_replicated_is_minimum", .bool(false)),
            ("pending_sync", .number("3")), ("total_files", .number("7")),
            ("total_bytes", .number("70")), ("replication_factor", .number("3")),
            ("partition_count_limit", .number("65536")),
        ]
        for (name, value) in expected { #expect(stats[name] == value, "\(name)") }
        #expect(stats.members?.count == expected.count)
    }

    @Test func aSettledClusterHasNothingPending() throws {
        let cluster = try ClusterBench()
        cluster.cluster.isSettled = true
        let stats = try cluster.ask("GET", "/api/partition-stats").json
        #expect(stats["pending_sync"] == .number("0"))
        #expect(stats["under_replicated"] == .number("0"))
    }

    /// Browsers ask for the status each second, and the store looks at each partition to count.
    @Test func countingIsBoundedAndRemembered() throws {
        let cluster = try ClusterBench()
        cluster.lacking = Array(0..<1000)
        let first = try cluster.ask("GET", "/status").json["partition_stats"]
        #expect(first?["under_replicated"] == .number("200"))
        #expect(first?["under_replicated_is_minimum"] == .bool(true))
        #expect(cluster.healthRequests == GatewayLimits.countedPagesMax)
        _ = try cluster.ask("GET", "/status")
        #expect(cluster.healthRequests == GatewayLimits.countedPagesMax)
        cluster.lacking = []
        cluster.bench.advance(seconds: GatewayLimits.countAgeMin + 1)
        let later = try cluster.ask("GET", "/status").json["partition_stats"]
        #expect(later?["under_replicated"] == .number("0"))
        #expect(later?["under_replicated_is_minimum"] == .bool(false))
    }

    @Test func withoutTheStoreStatusAnswersAndTheOthersSay503() throws {
        let cluster = try ClusterBench()
        cluster.storeAnswers = false
        let status = try cluster.ask("GET", "/status")
        #expect(status.status == 200)
        #expect(status.json["replication_factor"] == .null)
        #expect(status.json["warnings"]?.elements == [.string("the store does not answer")])
        for path in [
            "/api/cluster-stats", "/api/partition-stats", "/api/under-replicated",
            "/api/replication-factor", "/api/settings", "/api/partition-sync-interval",
        ] {
            let answer = try cluster.ask("GET", path)
            #expect(answer.status == 503, "\(path)")
            #expect(answer.errorCode == "unavailable", "\(path)")
        }
    }
}

@Suite struct UnderReplicatedTests {
    @Test func partitionsComeInPages() throws {
        let cluster = try ClusterBench()
        cluster.lacking = (0..<7).map { $0 * 1000 }
        cluster.pageCount = 2
        let file = PartitionFilesResponse.File(
            path: try StorePath(validating: "/a/ü".utf8), byteCount: 12,
            modified: Timestamp(nanoseconds: 1_000_000_000))
        cluster.files = { _ in .init(fileCount: 3, files: [file]) }
        let first = try cluster.ask("GET", "/api/under-replicated?limit=5").json
        #expect(first["replication_factor"] == .number("3"))
        #expect(first["count"] == .number("5"))
        #expect(first["next"] == .string("p04000"))
        #expect(
            first["partitions"]?.elements?.first
                == .object([
                    .init("partition_id", .string("p00000")),
                    .init("holders", .array([.string("n1")])),
                    .init("replication_factor", .number("3")),
                    .init("missing_replicas", .number("2")), .init("file_count", .number("3")),
                    .init(
                        "files",
                        .array([
                            .object([
                                .init("partition_id", .string("p00000")),
                                .init("path", .string("/a/ü")), .init("size", .number("12")),
                                .init("modified_at", .string("1970-01-01T00:00:01Z")),
                                .init("holders", .array([.string("n1")])),
                                .init("missing_replicas", .number("2")),
                            ])
                        ])),
                    .init("files_truncated", .bool(true)),
                    .init("files_unavailable", .bool(false)),
                ]))
        let second = try cluster.ask("GET", "/api/under-replicated?limit=5&after=p04000").json
        #expect(
            second["partitions"]?.elements?.compactMap { $0["partition_id"]?.text } == [
                "p05000", "p06000",
            ])
        #expect(second["next"] == .null)
    }

    @Test func filesOfManyPartitionsAreAskedForSomeAtATime() throws {
        let cluster = try ClusterBench()
        cluster.lacking = Array(0..<100)
        let answer = try cluster.ask("GET", "/api/under-replicated?limit=100").json
        #expect(answer["partitions"]?.elements?.count == 100)
        #expect(
            answer["partitions"]?.elements?.allSatisfy { $0["file_count"] == .number("0") } == true)
        #expect(cluster.fileRequests == 2)
    }

    @Test func partitionsAreToldWithoutFilesThatCannotBeHad() throws {
        let cluster = try ClusterBench()
        cluster.lacking = [4]
        cluster.files = nil
        let answer = try cluster.ask("GET", "/api/under-replicated").json
        let partition = answer["partitions"]?.elements?.first
        #expect(partition?["partition_id"] == .string("p00004"))
        #expect(partition?["file_count"] == .null)
        #expect(partition?["files_unavailable"] == .bool(true))
        #expect(partition?["unavailable_message"]?.text?.isEmpty == false)
    }

    @Test func nothingLacksCopies() throws {
        let answer = try ClusterBench().ask("GET", "/api/under-replicated")
        #expect(
            answer.body == #"{"replication_factor":3,"partitions":[],"count":0,"next":null}"#)
    }

    @Test(arguments: [
        "limit=0", "limit=501", "limit=x", "after=5", "after=p5", "after=p70000", "after=p-0001",
        "after=%2", "limit=",
    ])
    func badPagesAre400(query: String) throws {
        let cluster = try ClusterBench()
        #expect(try cluster.ask("GET", "/api/under-replicated?\(query)").status == 400)
        #expect(cluster.healthRequests == 0)
    }
}

@Suite struct ClusterOrderTests {
    private static let hex = String(repeating: "0f", count: 16)

    @Test func ordersGoToTheStore() throws {
        let cluster = try ClusterBench()
        #expect(try cluster.ask("POST", "/api/cluster/leave").status == 202)
        #expect(try cluster.ask("POST", "/api/cluster/cancel-leave", "{}").status == 200)
        let out = try cluster.ask("POST", "/api/cluster/out", #"{"node":"n3","force":true}"#)
        #expect(out.status == 200)
        #expect(out.json["success"] == .bool(true))
        #expect(out.json["message"]?.text?.isEmpty == false)
        #expect(
            try cluster.ask("POST", "/api/cluster/join", "{\"merge\":\"\(Self.hex)\"}").status
                == 202)
        #expect(
            cluster.orders == [
                .leave, .cancelLeave, .takeOut(ClusterBench.node("n3")), .merge(into: Self.hex),
            ])
    }

    @Test(arguments: [
        ("leave", #"{"now":true}"#), ("cancel-leave", "x"), ("out", #"{"node":"n3"}"#),
        ("out", #"{"node":"n3","force":false}"#), ("out", #"{"node":"../n3","force":true}"#),
        ("out", #"{"force":true}"#), ("out", ""), ("join", "{}"), ("join", #"{"merge":"xyz"}"#),
        ("join", #"{"merge":5}"#), ("join", #"{"merge":"zf0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"}"#),
    ])
    func whatSaysTooLittleIs400(name: String, body: String) throws {
        let cluster = try ClusterBench()
        #expect(try cluster.ask("POST", "/api/cluster/\(name)", body).status == 400)
        #expect(cluster.orders.isEmpty)
    }
}

@Suite struct AdministrationTests {
    static let changes: [(String, String, String)] = [
        ("PUT", "/api/replication-factor", #"{"replication_factor":2}"#),
        ("PUT", "/api/partition-sync-interval", #"{"partition_sync_interval_seconds":5}"#),
        ("PUT", "/api/partition-sync-pause", #"{"paused":true}"#),
        ("PATCH", "/api/settings", #"{"grace_before_out":60}"#),
        ("POST", "/api/cluster/leave", "{}"), ("POST", "/api/cluster/cancel-leave", "{}"),
        ("POST", "/api/cluster/out", #"{"node":"n3","force":true}"#),
        (
            "POST", "/api/cluster/join",
            "{\"merge\":\"\(String(repeating: "0f", count: 16))\"}"
        ),
    ]

    @Test(arguments: changes)
    func changesAreForThisMachineAlone(method: String, path: String, body: String) throws {
        let cluster = try ClusterBench(isFromLoopback: false)
        let answer = try cluster.ask(method, path, body)
        #expect(answer.status == 403)
        #expect(answer.errorCode == "only_from_this_machine")
        #expect(answer.json["error"]?["hint"]?.text?.isEmpty == false)
        #expect(cluster.orders.isEmpty)
        let near = try ClusterBench()
        #expect([200, 202].contains(try near.ask(method, path, body).status))
        #expect(near.orders.count == 1)
    }

    @Test func everybodyMayRead() throws {
        let cluster = try ClusterBench(isFromLoopback: false)
        for path in [
            "/status", "/api/cluster-stats", "/api/partition-stats", "/api/under-replicated",
            "/api/replication-factor", "/api/settings", "/api/partition-sync-interval",
            "/api/partition-sync-pause",
        ] {
            #expect(try cluster.ask("GET", path).status == 200, "\(path)")
        }
    }

    @Test(arguments: [
        "Origin: http://evil.example\r\n", "Origin: null\r\n", "Origin: http://localhost:8081\r\n",
        "Origin: file://localhost:8080\r\n", "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: cross-site\r\nOrigin: http://localhost:8080\r\n",
        "Origin: http://localhost:8080\r\nOrigin: http://evil.example\r\n",
    ])
    func pagesOfOtherSitesChangeNothing(fields: String) throws {
        for (method, path, body) in Self.changes {
            let cluster = try ClusterBench()
            let answer = try cluster.ask(method, path, body, fields)
            #expect(answer.status == 403)
            #expect(answer.errorCode == "other_origin")
            #expect(cluster.orders.isEmpty)
        }
        let files = try ClusterBench()
        for method in ["PUT", "POST", "DELETE"] {
            #expect(try files.ask(method, "/api/files/a", "", fields).status == 403)
        }
        #expect(files.bench.store.received.isEmpty)
    }

    @Test(arguments: [
        "Origin: http://localhost:8080\r\n", "Origin: HTTP://LocalHost:8080\r\n",
        "Origin: https://localhost:8080\r\n", "Sec-Fetch-Site: same-origin\r\n",
        "Sec-Fetch-Site: none\r\n",
        "Sec-Fetch-Site: same-origin\r\nOrigin: http://behind.proxy\r\n",
    ])
    func thePagesOfTheNodeItselfMay(fields: String) throws {
        let cluster = try ClusterBench()
        #expect(
            try cluster.ask("PUT", "/api/partition-sync-pause", #"{"paused":true}"#, fields).status
                == 200)
    }

    /// A site can let its own name be resolved to 127.0.0.1.
    @Test func aNameThatAnybodyCanGiveIsNotTrusted() throws {
        func ask(_ host: String, _ fields: String = "") throws -> Int {
            let cluster = try ClusterBench()
            let body = #"{"paused":true}"#
            try cluster.bench.send(
                "PUT /api/partition-sync-pause HTTP/1.1\r\nHost: \(host)\r\n\(fields)"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
            let output = try cluster.bench.output()
            return output.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        }
        #expect(try ask("evil.example:8080", "Origin: http://evil.example:8080\r\n") == 403)
        #expect(try ask("127.0.0.1.evil.example", "Sec-Fetch-Site: same-origin\r\n") == 403)
        for host in ["localhost", "127.0.0.1:8080", "[::1]:8080", "192.168.1.5"] {
            #expect(try ask(host, "Origin: http://\(host)\r\n") == 200, "\(host)")
        }
        // No browser asks so.
        #expect(try ask("my-name") == 200)
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("::ffff:127.0.0.1", true),
        ("10.0.0.1", false), ("::", false), ("0.0.0.0", false), ("::ffff:10.0.0.1", false),
        ("128.0.0.1", false), ("?", false), ("", false), ("fe80::1", false),
    ])
    func loopbackIsThisMachine(address: String, isLoopback: Bool) {
        #expect(RequestOrigin.isLoopback(address) == isLoopback)
    }

    @Test(arguments: [
        ("/api/cluster-stats", "GET, HEAD, OPTIONS", ["PUT", "POST", "DELETE", "PATCH"]),
        ("/api/partition-stats", "GET, HEAD, OPTIONS", ["PUT"]),
        ("/api/under-replicated", "GET, HEAD, OPTIONS", ["PUT"]),
        ("/api/replication-factor", "GET, HEAD, PUT, OPTIONS", ["POST", "DELETE", "PATCH"]),
        ("/api/partition-sync-interval", "GET, HEAD, PUT, OPTIONS", ["POST"]),
        ("/api/partition-sync-pause", "GET, HEAD, PUT, OPTIONS", ["POST"]),
        ("/api/settings", "GET, HEAD, PATCH, OPTIONS", ["PUT", "POST", "TRACE"]),
        ("/api/cluster/leave", "POST, OPTIONS", ["GET", "HEAD", "PUT"]),
        ("/api/cluster/cancel-leave", "POST, OPTIONS", ["GET"]),
        ("/api/cluster/out", "POST, OPTIONS", ["GET"]),
        ("/api/cluster/join", "POST, OPTIONS", ["GET"]),
    ])
    func otherMethodsAre405(path: String, allowed: String, others: [String]) throws {
        let cluster = try ClusterBench(isFromLoopback: false)
        let options = try cluster.ask("OPTIONS", path)
        #expect(options.status == 204)
        #expect(options.head.contains("\r\nAllow: \(allowed)\r\n"))
        #expect(!options.head.contains("Access-Control"))
        for method in others {
            let answer = try cluster.ask(method, path)
            #expect(answer.status == 405, "\(method) \(path)")
            #expect(answer.head.contains("\r\nAllow: \(allowed)\r\n"))
        }
        #expect(try cluster.ask("GET", path + "/x").status == 404)
    }
}
