import IPC
import Model
import Testing

@testable import GatewayProcess
@testable import Peering

/// What may be wrong is found, and what is well is not complained of.
@Suite struct DoctorTests {
    private func codes(_ doctor: Doctor) -> [String] { doctor.findings.map(\.code) }

    /// A node that is well, with another one.
    private func healthy() -> Doctor {
        var own = ClusterStatus.Node(node: ClusterBench.node("n1"), isOwn: true, state: .alive)
        var other = ClusterStatus.Node(node: ClusterBench.node("n2"), isOwn: false, state: .alive)
        own.isStorage = true
        own.isMember = true
        own.capacityByteCount = 1 << 40
        other.isStorage = true
        other.isMember = true
        var doctor = Doctor()
        doctor.discoveryPort = 9999
        doctor.node = NodeStatus(
            facts: Settings(["version": "1"]), started: Timestamp(nanoseconds: 0),
            workers: [
                WorkerStatus(
                    name: "store", pid: 1, state: "ready", generation: 1, restarts: 0,
                    readySince: nil)
            ], warnings: [])
        doctor.store = StoreStatus(
            disk: Bench.facts.dot.disk, storageMajor: "rawfile", storageMinor: "1",
            isEncrypted: false, isReadOnly: false, fileCount: 0, contentByteCount: 0,
            partitionCount: 0, freeByteCount: 1 << 39, warnings: [])
        doctor.cluster = ClusterStatus(
            cluster: "0a", clusterName: "default", replicationFactor: 2, nodes: [own, other],
            layoutCount: 1, isSettled: true, isClockInDoubt: false)
        doctor.peers = PeersReport(
            peers: [], seeds: [], foreign: [], incidents: [], counts: .init(), linkCount: 1)
        return doctor
    }

    private func peer(_ problem: String?) -> PeersReport.Peer {
        PeersReport.Peer(
            node: ClusterBench.node("n2"), link: .waiting,
            address: PeerAddress(host: "10.0.0.2", port: 30_001), addresses: [], silentFor: nil,
            waitingByteCount: 0, droppedMessages: 0, problem: problem)
    }

    @Test func whatIsWellIsNotComplainedOf() { #expect(healthy().findings.isEmpty) }

    @Test(arguments: [
        ("connect: Connection refused (ECONNREFUSED)", "--peer-port"),
        ("connect timed out", "firewall"),
        ("refused: node n2 has another cluster key", "--cluster-key-file"),
        ("refused: node n2 speaks peer protocol 2, not 1: update the older of the two", "older"),
        ("refused: node n2 belongs to the cluster \"x\", not to \"default\"", "--cluster-name"),
        ("two nodes have the id n1: give one of them another (--node-id)", "--node-id"),
        ("something else", "logs gateway"),
    ])
    func whyANodeIsNotSeenDecidesWhatToDo(problem: String, hint: String) {
        var doctor = healthy()
        doctor.cluster?.nodes[1].state = .dead
        doctor.peers?.peers = [peer(problem)]
        let finding = doctor.findings.first
        #expect(finding?.code == "peer_unseen" && finding?.level == .problem)
        #expect(finding?.node == "n2")
        #expect(finding?.message.contains(problem) == true)
        #expect(finding?.message.contains("10.0.0.2:30001") == true)
        #expect(finding?.hint.contains(hint) == true, "\(finding?.hint ?? "")")
    }

    @Test func aNodeOfWhichNothingWasHeardIsSaidToo() {
        var doctor = healthy()
        doctor.cluster?.nodes[1].state = .unknown
        #expect(codes(doctor) == ["peer_unseen"])
        #expect(doctor.findings[0].message.contains("heard nothing"))
        // One that left, or is out, is missed by nobody.
        doctor.cluster?.nodes[1].state = .left
        #expect(doctor.findings.isEmpty)
        doctor.cluster?.nodes[1].state = .out
        #expect(doctor.findings.map(\.level) == [.note])
    }

    @Test func theStoreItsDiskAndItsClock() {
        var doctor = healthy()
        doctor.store?.freeByteCount = 1 << 30
        doctor.store?.isReadOnly = true
        doctor.store?.warnings = ["two nodes have the id n1: give one another --node-id"]
        doctor.cluster?.isClockInDoubt = true
        #expect(codes(doctor) == ["read_only", "clock", "store_warning", "disk_low"])
        doctor.store = nil
        doctor.cluster = nil
        doctor.node?.workers[0].state = "degraded"
        #expect(codes(doctor) == ["worker_not_ready", "store_not_ready"])
    }

    @Test func anotherNodesDiskAndClock() {
        var doctor = healthy()
        doctor.cluster?.nodes[1].isClockInDoubt = true
        doctor.usage = NodeUsageList(entries: [
            .init(
                node: ClusterBench.node("n2"), disk: .init(storedByteCount: 1, freeByteCount: 9),
                lastHeard: nil)
        ])
        let found = doctor.findings
        #expect(found.map(\.code) == ["disk_low", "peer_clock"])
        #expect(found.allSatisfy { $0.node == "n2" })
    }

    @Test func aNodeWithAnotherKeyIsAProblem() throws {
        var doctor = healthy()
        let incident = PeerJournal.KeyIncident(
            problem: .otherKey, node: ClusterBench.node("n7"),
            address: PeerAddress(host: "10.0.0.7", port: 9), lastSeen: .zero, count: 3)
        doctor.peers?.keyIncidents = [incident]
        let finding = try #require(doctor.findings.first)
        #expect((finding.code, finding.level, finding.node) == ("cluster_key", .problem, "n7"))
        #expect(finding.message == incident.sentence)
        #expect(finding.hint.contains("--cluster-key-file"))
        // Where a seed says the same, it is said once.
        doctor.peers?.seeds = [.init(name: "10.0.0.7:9", problem: incident.sentence)]
        #expect(codes(doctor) == ["seed"])
    }

    @Test func theNetwork() throws {
        var doctor = healthy()
        doctor.discoveryPort = 0
        doctor.peers?.seeds = [
            .init(name: "nas:30001", node: nil, problem: "the name cannot be looked up")
        ]
        doctor.peers?.foreign = [
            .init(
                cluster: try #require(ClusterName("cellar")), count: 3,
                address: PeerAddress(host: "10.0.0.9", port: 1), lastHeard: .seconds(1))
        ]
        doctor.peers?.incidents = [
            .init(at: .seconds(5), node: nil, address: nil, sentence: "a stranger", count: 1),
            .init(at: .seconds(5000), node: nil, address: nil, sentence: "long ago", count: 1),
        ]
        #expect(codes(doctor) == ["seed", "incident", "discovery_off", "other_cluster_name"])
        // A node alone misses those that have another name.
        doctor.cluster?.nodes.removeLast()
        let foreign = doctor.findings.first { $0.code == "other_cluster_name" }
        #expect(foreign?.level == .warning)
    }

    @Test func missingCopiesAreAProblemWhereThereAreNodesEnough() {
        var doctor = healthy()
        doctor.lacksCopies = .init(underReplicated: 3, isMinimum: false)
        #expect(doctor.findings.map(\.code) == ["under_replicated"])
        #expect(doctor.findings[0].level == .warning)
        doctor.cluster?.replicationFactor = 3
        #expect(doctor.findings.map(\.code) == ["too_few_nodes"])
        #expect(doctor.findings[0].level == .note)
    }

    @Test func theRouteSaysWhetherAllIsWell() throws {
        let cluster = try ClusterBench()
        let answer = try cluster.ask("GET", "/api/doctor")
        #expect(answer.status == 200)
        #expect(answer.json["node_id"] == .string("n1"))
        #expect(answer.json["healthy"] == .bool(false))
        let codes = answer.json["findings"]?.elements?.compactMap { $0["code"]?.text }
        #expect(codes?.contains("peer_unseen") == true)
        cluster.storeAnswers = false
        let dead = try cluster.ask("GET", "/api/doctor")
        #expect(dead.status == 200)
        #expect(
            dead.json["findings"]?.elements?.first?["code"] == .string("store_not_ready"))
    }
}

@Suite struct RepairRouteTests {
    @Test func aPassIsBegunAndTold() throws {
        let cluster = try ClusterBench()
        cluster.repair = RepairStatus(
            number: 4, isDone: false,
            peers: [
                .init(
                    node: ClusterBench.node("n2"), outcome: .underWay, comparisonCount: 1,
                    differingCount: 2, movedByteCount: 3)
            ])
        let begun = try cluster.ask("POST", "/api/repair")
        #expect(begun.status == 202)
        #expect(begun.json["id"] == .number("4"))
        #expect(begun.json["done"] == .bool(false))
        #expect(
            begun.json["peers"]?.elements?.first
                == .object([
                    .init("node_id", .string("n2")), .init("outcome", .string("under way")),
                    .init("comparisons", .number("1")),
                    .init("partitions_differing", .number("2")),
                    .init("bytes_moved", .number("3")),
                ]))
        #expect(try cluster.ask("GET", "/api/repair").status == 200)
        #expect(try cluster.ask("GET", "/api/repair?wait=1").status == 200)
        #expect(cluster.repairs == [.begin, .tell, .untilDone])
        #expect(try ClusterBench(isFromLoopback: false).ask("POST", "/api/repair").status == 403)
    }
}
