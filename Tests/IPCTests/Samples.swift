import IPC
import Model

/// One value of each message, with every optional part present, for golden bytes and round trips.
enum Samples {
    static let operation = OperationID(bits: Bits128(high: 0x0102_0304_0506_0708, low: 9))
    static let dot = Dot(disk: DiskID(bits: Bits128(high: 0xA, low: 0xB)), sequence: 77)
    static let time = HybridTime(value: 0x0000_0190_0000_0001)

    static var digest: Digest {
        guard let digest = Digest(bytes: Array(0..<32)) else { preconditionFailure("32 bytes") }
        return digest
    }

    static func path(_ text: String) -> StorePath {
        do {
            return try StorePath(validating: text.utf8)
        } catch {
            preconditionFailure("a sample path: \(error)")
        }
    }

    static var facts: FileFacts {
        FileFacts(
            byteCount: 12, digest: digest, contentType: "text/plain",
            created: Timestamp(nanoseconds: 1), modified: Timestamp(nanoseconds: -2), dot: dot,
            time: time)
    }

    static var conditions: WriteConditions {
        WriteConditions(ifMatch: .digests([digest]), ifNoneMatch: .any, ifUnmodifiedSince: 99)
    }

    static var write: WriteRequest {
        WriteRequest(
            operation: operation, path: path("/a/ü"), conditions: conditions,
            contentType: "image/png", created: Timestamp(nanoseconds: 5), modified: nil,
            byteCount: 3, digest: digest)
    }

    static var status: NodeStatus {
        NodeStatus(
            facts: Settings(["node_id": "n1", "http_port": "8080"]),
            started: Timestamp(nanoseconds: 3),
            workers: [
                WorkerStatus(
                    name: "store", pid: 42, state: "ready", generation: 2, restarts: 1,
                    readySince: Timestamp(nanoseconds: 4)),
                WorkerStatus(
                    name: "gateway", pid: 0, state: "waiting", generation: 3, restarts: 9,
                    readySince: nil),
            ], warnings: ["disk nearly full"])
    }

    static var storeStatus: StoreStatus {
        StoreStatus(
            disk: dot.disk, storageMajor: "rawfile", storageMinor: "1", isEncrypted: false,
            isReadOnly: true, fileCount: 1, contentByteCount: 2, partitionCount: 3,
            freeByteCount: 4, warnings: ["w"])
    }

    static func node(_ name: String) -> NodeID {
        guard let node = NodeID(name) else { preconditionFailure("a sample node: \(name)") }
        return node
    }

    /// What is said of other nodes.
    static var peers: [(String, any Message)] {
        let addresses = [
            PeerAddress(host: "192.168.1.7", port: 30_001),
            PeerAddress(host: "fe80::1%eth0", port: 30_002),
        ]
        return [
            ("attach-peers", PeersAttached(generation: 3, addresses: addresses)),
            ("peer-found", PeerFound(node: node("n2"))),
            (
                "peer-part",
                PeerPart(
                    node: node("n-2"), channel: .connection, message: 9, part: 1, isLast: true,
                    bytes: [1, 2, 3])
            ),
            (
                "peer-book",
                PeerBook(entries: [
                    .init(node: node("a"), addresses: addresses),
                    .init(node: node("b"), addresses: []),
                ])
            ),
        ]
    }

    /// What moves contents between nodes.
    static var contents: [(String, any Message)] {
        let object = ObjectID(bits: Bits128(high: 7, low: 8))
        return [
            (
                "fetch-content",
                FetchContent(number: 5, node: node("n2"), object: object, offset: 6, end: 1 << 40)
            ),
            ("fetch-number", FetchNumber(5)),
            ("fetch-progress", FetchProgress(number: 5, end: 9, state: .unwritable)),
            ("open-content", OpenContentRequest(object: object, node: node("n2"))),
            ("open-content-inline", OpenContentResponse.inline([1, 2])),
            ("open-content-descriptor", OpenContentResponse.descriptor(byteCount: 1 << 33)),
            (
                "open-content-region",
                OpenContentResponse.region(byteCount: 1 << 33, offset: 1 << 20)
            ),
            (
                "staging-sealing",
                StagingSealing(header: [1, 2, 3], key: [4, 5], endsContent: true)
            ),
            ("open-content-windows", OpenContentResponse.windows(byteCount: 1 << 33)),
            (
                "read-content",
                ReadContentRequest(object: object, offset: 1 << 34, byteCount: 1 << 20)
            ),
            (
                "lookup-remote",
                LookupResponse.remote(facts, object, [node("n2"), node("n3")])
            ),
        ]
    }

    /// What is asked of the cluster as a whole.
    static var cluster: [(String, any Message)] {
        var own = ClusterStatus.Node(node: node("n1"), isOwn: true, state: .alive)
        own.isMember = true
        own.isStorage = true
        own.isClockInDoubt = true
        own.zone = "cellar"
        own.weight = 7
        own.capacityByteCount = 1 << 40
        own.version = "0.1.0"
        own.addresses = ["192.168.1.7:30001", "[fe80::1]:30001"]
        var other = ClusterStatus.Node(node: node("n-2"), isOwn: false, state: .out)
        other.isRestarting = true
        other.isLeaving = true
        let status = ClusterStatus(
            cluster: "0a0b", clusterName: "default", replicationFactor: 3, nodes: [own, other],
            layoutCount: 2, isSettled: true, isClockInDoubt: false)
        let settings = ClusterSettingsList(entries: [
            .init(
                key: "grace_before_out", value: "60", standard: "600", type: "seconds",
                range: "10..2592000", setAt: Timestamp(nanoseconds: 9), setBy: "n1"),
            .init(
                key: "write_policy", value: "available", standard: "available", type: "choice",
                range: "available|majority", setAt: nil, setBy: ""),
        ])
        let health = PartitionHealthResponse(
            replicationFactor: 3,
            entries: [
                .init(
                    partition: Partition(number: 258), holders: [node("n1"), node("n-2")],
                    missingCount: 1, itemCount: 12)
            ], hasMore: true)
        return [
            ("cluster-status", status),
            ("administer-factor", AdministerRequest.setReplicationFactor(5)),
            ("administer-set", AdministerRequest.set(key: "write_policy", value: "majority")),
            ("administer-leave", AdministerRequest.leave),
            ("administer-cancel-leave", AdministerRequest.cancelLeave),
            ("administer-out", AdministerRequest.takeOut(node("n-2"))),
            ("administer-merge", AdministerRequest.merge(into: "0c0d")),
            ("cluster-settings", settings),
            (
                "partition-health-request",
                PartitionHealthRequest(
                    after: Partition(number: 257), limit: 50, onlyUnderReplicated: true)
            ),
            ("partition-health", health),
            (
                "partition-files-request",
                PartitionFilesRequest(partitions: [.init(number: 258), .init(number: 7)])
            ),
            (
                "partition-files",
                PartitionFilesResponse(entries: [
                    .init(
                        fileCount: 2,
                        files: [
                            .init(
                                path: path("/a/ü"), byteCount: 12,
                                modified: Timestamp(nanoseconds: -2))
                        ]), .init(fileCount: 0, files: []),
                ])
            ),
            (
                "inspect-list",
                InspectRequest.list(prefix: [0x61, 0x2F], after: [0x62], limit: 100)
            ),
            (
                "inspect-search",
                InspectRequest.search(prefix: [], text: [0x78], after: [], limit: 7)
            ),
            ("watch", WatchNotice(isOn: true)),
            (
                "events",
                EventsNotice(
                    lostCount: 3,
                    events: [
                        .file(path("/a/ü"), version: dot), .file(path("/b"), version: nil),
                        .peer(node("n-2"), state: "dead"),
                        .progress("layout_synced", about: "0a"),
                    ])
            ),
            ("lookup-version", LookupRequest(path: path("/a/ü"), .content, version: dot)),
            ("history-request", HistoryRequest(path: path("/a/ü"))),
            (
                "history",
                HistoryResponse(entries: [
                    HistoryEntry(facts: facts, supersededAt: nil, isConflict: false),
                    HistoryEntry(
                        facts: facts, supersededAt: HybridTime(value: 0x0708), isConflict: true),
                ])
            ),
            (
                "trash-request",
                TrashRequest(directory: path("/a"), after: path("/a/ü"), limit: 100)
            ),
            (
                "trash",
                TrashResponse(
                    entries: [
                        .init(
                            path: path("/a/ü"),
                            version: HistoryEntry(
                                facts: facts, supersededAt: HybridTime(value: 9),
                                isConflict: false))
                    ], hasMore: true, isComplete: false)
            ),
            ("purge-versions", PurgeRequest.versions(path("/a/ü"), [dot])),
            ("purge-trash", PurgeRequest.trash),
            ("purge-trashed", PurgeRequest.trashed(path("/a/ü"))),
            (
                "transfer-move",
                TransferRequest(
                    operation: operation, path: path("/a/ü"),
                    kind: .move(to: path("/b"), overwrite: false), directoryOnly: true)
            ),
            (
                "transfer-copy",
                TransferRequest(
                    operation: operation, path: path("/a/ü"),
                    kind: .copy(to: path("/b"), overwrite: true))
            ),
            (
                "transfer-restore",
                TransferRequest(
                    operation: operation, path: path("/a/ü"), kind: .restore(dot))
            ),
            ("inspect-get", InspectRequest.get(key: [0x61])),
            (
                "inspect-items",
                InspectResponse.items(
                    [
                        .init(key: [0x61, 0x2F], isDirectory: true, count: 3, isDeleted: false),
                        .init(key: [0x62], isDirectory: false, count: 0, isDeleted: true),
                    ], next: [0x62])
            ),
            ("inspect-value", InspectResponse.value(json: [0x7B, 0x7D], isDeleted: true)),
            ("integrity", IntegrityRequest(.untilDone, isOfCluster: true)),
            (
                "integrity-response",
                IntegrityResponse(nodes: [
                    .init(node: node("n1"), summary: scrub), .init(node: node("n-2"), summary: nil),
                ])
            ),
            ("suspectContent", SuspectNotice(path: path("/a/ü"), digest: digest)),
            ("repair", RepairRequest.untilDone),
            (
                "repair-status",
                RepairStatus(
                    number: 2, isDone: false,
                    peers: [
                        .init(
                            node: node("n-2"), outcome: .differs, comparisonCount: 3,
                            differingCount: 4, movedByteCount: 1 << 33)
                    ])
            ),
            (
                "quotas",
                QuotaList(entries: [
                    .init(directory: path("/photos"), limit: 1 << 40, used: 7, isComplete: true),
                    .init(directory: .root, limit: 0, used: nil, isComplete: false),
                ])
            ),
            ("restart-plan", RestartPlan(nodes: [node("n-2"), node("n1")])),
            (
                "node-usage",
                NodeUsageList(entries: [
                    .init(
                        node: node("n1"), disk: .init(storedByteCount: 5, freeByteCount: 1 << 40),
                        lastHeard: Timestamp(nanoseconds: 9)),
                    .init(node: node("n-2"), disk: nil, lastHeard: nil),
                ])
            ),
        ]
    }

    private static var scrub: ScrubSummary {
        var scrub = ScrubSummary(id: 1_700_000_000_000)
        scrub.finished = 1_700_000_000_500
        scrub.fileCount = 3
        scrub.verifiedCount = 2
        scrub.damageCount = 1
        scrub.damage = [.init(path: path("/a/ü"), reason: "why", isRepaired: true)]
        scrub.strayCount = 1
        scrub.strays = ["objects/x"]
        scrub.replacedViews = [path("/b")]
        return scrub
    }

    static var pending: WriteResponse {
        var written = WriteResponse(outcome: .deleted, dot: dot, time: time, copies: 2)
        written.isListingPending = true
        written.isDecidedInReach = true
        return written
    }

    /// Name, type and value of each.
    static var all: [(String, any Message)] {
        [
            (
                "hello",
                Hello(role: .gateway, generation: 3, token: Bits128(high: 1, low: 2), credit: 8)
            ),
            ("welcome", Welcome(version: 1, role: .store, generation: 4, credit: 16)),
            ("refusal", Refusal("no")),
            ("credit", Credit(window: 5)),
            ("empty", Empty()),
            ("error", RemoteError(.noSpace, "the disk is full", hint: "free some")),
            ("settings", Settings(["a": "1", "b": ""])),
            (
                "peers",
                PeersNotice(peers: [.init(pid: 7, role: .gateway, generation: 1)])
            ),
            ("progress", ProgressReport(queued: 1, finished: 2, syncMilliseconds: 3)),
            ("ready", ReadyNotice(generation: 6)),
            ("drain", DrainRequest(milliseconds: 10_000)),
            ("status", status),
            ("restart", RestartRequest(worker: "store")),
            ("logs", LogsRequest(worker: "", lineCount: 10, follow: true)),
            ("lines", LogLines(lines: ["one", "two"])),
            ("lookup", LookupRequest(path: path("/a"), wantsContent: true)),
            ("lookup-file", LookupResponse.file(facts)),
            ("lookup-inline", LookupResponse.inline(facts, [1, 2, 3])),
            ("lookup-descriptor", LookupResponse.descriptor(facts)),
            ("lookup-region", LookupResponse.region(facts, offset: 1 << 28)),
            (
                "lookup-windows",
                LookupResponse.windows(facts, ObjectID(bits: Bits128(high: 7, low: 8)))
            ),
            ("lookup-directory", LookupResponse.directory(modified: Timestamp(nanoseconds: 8))),
            ("lookup-holders", LookupRequest(path: path("/a"), .holders)),
            ("lookup-held-file", LookupResponse.heldFile(facts, by: [node("n1"), node("n-2")])),
            (
                "lookup-held-directory",
                LookupResponse.heldDirectory(modified: Timestamp(nanoseconds: 8), by: [node("n1")])
            ),
            ("write", write),
            ("put", PutRequest(write: write, content: [7, 8, 9])),
            ("written", WriteResponse(outcome: .replaced, dot: dot, time: time, copies: 1)),
            ("written-pending", pending),
            (
                "begin",
                BeginUploadRequest(
                    operation: operation, path: path("/b"), conditions: .none, byteCount: 1 << 33)
            ),
            ("operations", OperationList(operations: [operation])),
            (
                "delete",
                DeleteRequest(
                    operation: operation, path: path("/c"), conditions: .none, recursive: true,
                    directoryOnly: false)
            ),
            ("make-directory", MakeDirectoryRequest(operation: operation, path: path("/d"))),
            ("list", ListRequest(path: .root, after: [0x61], limit: 50)),
            (
                "list-holders",
                ListRequest(path: .root, after: [], limit: 50, wantsHolders: true)
            ),
            (
                "listing-held",
                ListResponse(
                    entries: [
                        .file(name: [0x66], facts),
                        .directory(name: [0x67], modified: Timestamp(nanoseconds: 1)),
                        .file(name: [0x68], facts),
                    ], hasMore: false,
                    holders: [[node("n1"), node("n-2")], [], [node("n-2"), node("n3")]])
            ),
            (
                "listing",
                ListResponse(
                    entries: [
                        .file(name: [0x66], facts),
                        .directory(name: [0x67], modified: Timestamp(nanoseconds: 1)),
                    ], hasMore: true)
            ),
            ("store-status", storeStatus),
        ] + peers + contents + cluster + locks
    }
}
