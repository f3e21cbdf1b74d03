import IPC
import Model
import Testing

@testable import ControlTool

struct ControlCommandTests {
    private func command(_ words: String...) throws -> ControlCommand {
        try ControlCommand(try ControlArguments.read(words))
    }

    @Test func commandsAreUnderstood() throws {
        #expect(try command("status") == .status)
        #expect(try command("--data-dir", "/d", "--node", "n", "workers", "--json") == .workers)
        #expect(try command("restart", "store") == .restart("store"))
        #expect(try command("stop") == .stop)
        #expect(try command("version") == .version)
        #expect(try command("convert", "--to", "bolt") == .convert(to: .bolt, keyFile: nil))
        #expect(
            try command("convert", "--to", "bolt", "--encryption-key-file", "k")
                == .convert(to: .bolt, keyFile: "k"))
        #expect(
            try command("rekey", "--encryption-key-file", "a", "--new-encryption-key-file", "b")
                == .rekey(keyFile: "a", newKeyFile: "b"))
        #expect(try command("keygen") == .keygen(file: nil))
        #expect(try command("keygen", "key", "--json") == .keygen(file: "key"))
        #expect(
            try command("logs") == .logs(worker: "", lineCount: 100, follow: false))
        #expect(
            try command("logs", "store", "--follow", "--lines", "5")
                == .logs(worker: "store", lineCount: 5, follow: true))
    }

    @Test func commandsOfTheClusterAreUnderstood() throws {
        #expect(try command("peers", "--json") == .cluster(.peers))
        #expect(try command("settings") == .cluster(.settings))
        #expect(try command("set", "a", "") == .cluster(.set(key: "a", value: "")))
        #expect(try command("scrub") == .cluster(.scrub(isOfCluster: false)))
        #expect(try command("scrub", "cluster") == .cluster(.scrub(isOfCluster: true)))
        #expect(try command("leave") == .cluster(.leave))
        #expect(try command("cancel-leave") == .cluster(.cancelLeave))
        #expect(try command("out", "n2", "--force") == .cluster(.out(node: "n2")))
        #expect(try command("join", "--merge", "0f") == .cluster(.merge(into: "0f")))
    }

    @Test(arguments: [
        [], ["martian"], ["restart"], ["restart", "a", "b"], ["status", "x"],
        ["status", "--follow"], ["workers", "--lines", "3"], ["logs", "--lines", "5000"],
        ["scrub", "x"], ["scrub", "cluster", "x"], ["keygen", "a", "b"], ["set"], ["set", "a"],
        ["set", "a", "b", "c"],
        ["peers", "x"],
        ["settings", "x"], ["leave", "x"], ["cancel-leave", "x"], ["out", "n2"],
        ["out", "--force"],
        ["out", "../x", "--force"], ["out", "a", "b", "--force"], ["join"], ["join", "abc"],
        ["join", "abc", "--merge", "def"], ["status", "--force"], ["leave", "--force"],
        ["peers", "--merge", "abc"], ["convert"],
        ["rekey"], ["rekey", "--encryption-key-file", "a"],
        ["status", "--encryption-key-file", "a"], ["convert", "--new-encryption-key-file", "a"],
        ["rekey", "x", "--encryption-key-file", "a", "--new-encryption-key-file", "b"],
        ["convert", "--to", "martian"],
        ["convert", "bolt"], ["status", "--to", "bolt"], ["convert", "x", "--to", "bolt"],
    ])
    func wrongUsageIsExitCode64(words: [String]) throws {
        let arguments = try ControlArguments.read(words)
        let error = #expect(throws: ControlError.self) { try ControlCommand(arguments) }
        #expect(error?.code == .usage)
    }

    @Test func aNodeThatIsNotThereIsExitCode3() {
        let error = #expect(throws: ControlError.self) {
            try NodeSearch.directory(base: "/nonexistent", node: nil)
        }
        #expect(error?.code == .notRunning)
        let wrong = #expect(throws: ControlError.self) {
            try NodeSearch.directory(base: "/", node: "../x")
        }
        #expect(wrong?.code == .usage)
    }
}

struct ReportTests {
    private let now = Timestamp(nanoseconds: 100_000_000_000)
    private var status: NodeStatus {
        NodeStatus(
            facts: Settings(["node_id": "n1", "http_port": "8080", "version": "1", "pid": "5"]),
            started: Timestamp(nanoseconds: 40_000_000_000),
            workers: [
                WorkerStatus(
                    name: "store", pid: 7, state: "ready", generation: 2, restarts: 1,
                    readySince: Timestamp(nanoseconds: 0)),
                WorkerStatus(
                    name: "gateway", pid: 0, state: "degraded", generation: 9, restarts: 8,
                    readySince: nil),
            ],
            warnings: ["gateway is \"bad\""])
    }

    @Test func jsonHasTheKeysOfTheStatusRoute() {
        let workers =
            #"[{"name":"store","pid":7,"state":"ready","generation":2,"restarts":1,"#
            + #""ready_since":"1970-01-01T00:00:00.000Z"},"#
            + #"{"name":"gateway","pid":null,"state":"degraded","generation":9,"restarts":8,"#
            + #""ready_since":null}]"#
        #expect(Report.json(workers: status.workers) == workers)
        #expect(
            Report.json(status: status, now: now)
                == #"{"http_port":8080,"node_id":"n1","pid":5,"version":"1","#
                + #""started":"1970-01-01T00:00:40.000Z","uptime_seconds":60,"workers":"#
                + workers + #","warnings":["gateway is \"bad\""]}"#)
    }

    @Test func tablesLineUp() {
        let lines = Report.text(workers: status.workers, now: now).split(separator: "\n")
        #expect(
            lines == [
                "WORKER   PID  STATE     GENERATION  RESTARTS  READY FOR",
                "store    7    ready     2           1         1 min 40 s",
                "gateway  -    degraded  9           8         -",
            ])
        #expect(Report.text(status: status, now: now).contains("warning: gateway is \"bad\""))
    }

    @Test(arguments: [
        (-5, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3661, "1 h 1 min"),
        (90_000, "1 d 1 h"), (8_640_000, "100 d 0 h"),
    ])
    func durationsShowTheirTwoLargestUnits(seconds: Int64, text: String) {
        #expect(Report.duration(seconds: seconds) == text)
    }
}
