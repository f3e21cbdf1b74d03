import Model
import Testing

@testable import ControlTool

struct GatewayAnswerTests {
    private func parse(_ text: String) throws -> GatewayAnswer {
        try GatewayAnswer(parsing: [UInt8](text.utf8))
    }

    @Test func statusAndBodyAreRead() throws {
        let answer = try parse(
            "HTTP/1.1 200 OK\r\nServer: clusterf\r\ncontent-LENGTH:  8\r\n\r\n{\"a\":1}\n")
        #expect(answer.status == 200)
        #expect(try answer.json() == .object([.init("a", .number("1"))]))
        // What follows the body is not part of it.
        let more = try parse("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}x")
        #expect(more.body == [UInt8]("{}".utf8))
        let closed = try parse("HTTP/1.1 200 OK\r\n\r\n[]")
        #expect(closed.body == [UInt8]("[]".utf8))
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\n", "\r\n\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ])
    func whatIsNoWholeAnswerIsAnError(text: String) {
        let error = #expect(throws: ControlError.self) { try self.parse(text) }
        #expect(error?.code == .failed)
    }

    @Test func whatTheNodeSaysOfAProblemIsTheError() throws {
        let body = #"{"error":{"code":"bad_value","message":"No.","hint":"Try 3."}}"#
        let answer = try parse(
            "HTTP/1.1 400 Bad Request\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        let error = #expect(throws: ControlError.self) { try answer.json() }
        #expect(error == ControlError(.failed, "No.", hint: "Try 3."))
        let bare = #expect(throws: ControlError.self) {
            try self.parse("HTTP/1.1 500 Oh\r\n\r\n{}").json()
        }
        #expect(bare?.message == "the node answered 500")
        #expect(throws: ControlError.self) { try self.parse("HTTP/1.1 200 OK\r\n\r\n<p>").json() }
    }
}

struct ClusterCommandTests {
    private func asked(_ command: ClusterCommand) -> [String] {
        let (method, path, body) = command.request
        return [method, path, body.map { String(decoding: $0, as: UTF8.self) } ?? "-"]
    }

    @Test func eachCommandIsOneRequest() {
        #expect(asked(.peers) == ["GET", "/api/cluster-stats", "-"])
        #expect(asked(.settings) == ["GET", "/api/settings", "-"])
        #expect(
            asked(.set(key: "a\"b", value: "5"))
                == ["PATCH", "/api/settings", #"{"a\"b":"5"}"#])
        #expect(asked(.set(key: "a", value: "")) == ["PATCH", "/api/settings", #"{"a":null}"#])
        #expect(asked(.leave) == ["POST", "/api/cluster/leave", "{}"])
        #expect(asked(.cancelLeave) == ["POST", "/api/cluster/cancel-leave", "{}"])
        #expect(
            asked(.out(node: "n2"))
                == ["POST", "/api/cluster/out", #"{"node":"n2","force":true}"#])
        #expect(
            asked(.merge(into: "0f")) == ["POST", "/api/cluster/join", #"{"merge":"0f"}"#])
    }

    @Test func aScrubSaysWhatItFound() throws {
        #expect(asked(.scrub(isOfCluster: false)) == ["POST", "/api/integrity-check", "{}"])
        #expect(
            asked(.scrub(isOfCluster: true))
                == ["POST", "/api/integrity-check?scope=cluster", "{}"])
        let found = try read(
            """
            {"id":"1","status":"completed","total_files":3,"verified":2,"corrupted":1,"repaired":0,
            "quarantined":1,"unreadable":0,"strays":1,"views_replaced":1,
            "corrupted_details":[{"path":"/a","reason":"its bytes","repaired":false}],
            "stray_names":["objects/x"],"replaced_views":["/b"]}
            """)
        #expect(!ScrubReport.isGood(found))
        #expect(
            ScrubReport.text(found)
                == """
                2 of 3 files verified, 1 contents damaged, 0 files repaired, 1 without a good copy
                damaged   /a: its bytes (no good copy)
                stray     objects/x
                changed   files/b is not what the store has

                """)
        let good = try read(
            """
            {"id":"1","status":"completed","quarantined":0,"unreadable":0,"strays":0,
            "views_replaced":0}
            """)
        #expect(ScrubReport.isGood(good))
    }

    @Test func aRepairSaysWhatCameOfEachNode() throws {
        #expect(asked(.repair) == ["POST", "/api/repair", "{}"])
        #expect(asked(.doctor) == ["GET", "/api/doctor", "-"])
        let done = try read(
            """
            {"id":1,"done":true,"peers":[{"node_id":"n2","outcome":"equal","comparisons":2,
            "partitions_differing":3,"bytes_moved":4096}]}
            """)
        #expect(RepairReport.isGood(done))
        #expect(
            RepairReport.text(done).split(separator: "\n") == [
                "NODE  OUTCOME  DIFFERED      BROUGHT OVER  COMPARISONS",
                "n2    equal    3 partitions  4096 bytes    2",
            ])
        let away = try read(
            #"{"id":1,"done":true,"peers":[{"node_id":"n2","outcome":"unreachable"}]}"#)
        #expect(!RepairReport.isGood(away))
        let alone = try read(#"{"id":1,"done":true,"peers":[]}"#)
        #expect(RepairReport.isGood(alone))
    }

    @Test func theDoctorSaysWhatToDo() throws {
        let answer = try read(
            """
            {"healthy":false,"findings":[{"level":"problem","code":"x","node":"n2",
            "message":"Node n2 is not seen\\u0007.","hint":"Start it."},
            {"level":"note","code":"y","node":"","message":"By the way.","hint":""}]}
            """)
        #expect(
            DoctorReport.text(answer)
                == "problem: Node n2 is not seen?.\n  Start it.\nnote: By the way.\n")
        let well = try read(#"{"healthy":true,"findings":[]}"#)
        #expect(DoctorReport.text(well) == "all is well\n")
    }

    private func read(_ text: String) throws -> JSONValue {
        try JSONReader.read([UInt8](text.utf8))
    }

    @Test func peersAreATable() throws {
        let stats = try read(
            """
            {"peer_list":[
            {"node_id":"n1","state":"alive","is_self":true,"is_storage":true,"leaving":true,
            "zone":"","version":"0.1.0","bytes_stored":9999,"bytes_free":1099511627776,"addresses":[]},
            {"node_id":"node-2","state":"dead","is_self":false,"is_storage":true,"zone":"\\u001b[2J",
            "version":"0.1.0","addresses":["10.0.0.2:1","[::1]:2"]}]}
            """)
        #expect(
            ClusterReport.peers(stats).split(separator: "\n") == [
                "NODE       STATE           ZONE  VERSION  STORED  FREE      ADDRESSES",
                "n1 (this)  alive, leaving  -     0.1.0    9999 B  1024 GiB  -",
                "node-2     dead            ?[2J  0.1.0    -       -         10.0.0.2:1, [::1]:2",
            ])
    }

    @Test func whoseKeyDoesNotFitIsBelowTheTable() throws {
        let stats = try read(
            #"{"peer_list":[],"key_problems":["wrong cluster key: a\u0007 node at 10.0.0.9"]}"#)
        #expect(
            ClusterReport.peers(stats).split(separator: "\n").last
                == "! wrong cluster key: a? node at 10.0.0.9")
    }

    @Test func settingsAreATable() throws {
        let list = try read(
            """
            {"settings":[
            {"key":"a","value":5,"default":600,"type":"seconds","range":"1..9",
            "set_at":"2026-01-01T00:00:00Z","set_by":"n1"},
            {"key":"paused","value":false,"default":false,"type":"boolean","range":"true|false",
            "set_at":null,"set_by":null}]}
            """)
        #expect(
            ClusterReport.settings(list).split(separator: "\n") == [
                "SETTING  VALUE  DEFAULT  RANGE       SET",
                "a        5      600      1..9        2026-01-01T00:00:00Z on n1",
                "paused   false  false    true|false  -",
            ])
    }

    @Test(arguments: [
        "null", "[]", "{}", #"{"a":[1,2.50,-0,1e9],"b":{"c":"\"é\\n"},"d":true}"#,
    ])
    func whatWasReadIsWrittenAgain(text: String) throws {
        let value = try read(text)
        #expect(value.json == text)
        #expect(try read(value.json) == value)
    }

    /// Nobody listens on port 1 of this machine.
    @Test func aGatewayThatIsNotThereIsAnError() {
        let error = #expect(throws: ControlError.self) {
            try GatewayClient(port: 1).ask("GET", "/api/settings")
        }
        #expect(error?.code == .failed)
        #expect(error?.message.contains("port 1") == true)
    }
}

struct DemoCommandTests {
    @Test func howManyAndWhomIsRead() throws {
        let command = try DemoCommand(["3", "sim-1", "sim-2"])
        #expect(command.count == 3)
        #expect(command.names == ["sim-1", "sim-2"])
        #expect(try DemoCommand(["1"]).names.isEmpty)
        for words in [[], ["0"], ["-1"], ["x"], ["2", "../up"], ["2", "a b"]] {
            let error = #expect(throws: ControlError.self) { try DemoCommand(words) }
            #expect(error?.code == .usage)
        }
    }

    @Test func whoIsAliveCounts() throws {
        let text = """
            {"peer_list":[{"state":"alive"},{"state":"suspect"},{"state":"alive"},{"state":5},{}]}
            """
        let stats = try JSONReader.read([UInt8](text.utf8), limits: ControlLimits.answerLimits)
        #expect(DemoCommand.aliveCount(stats) == 2)
        #expect(DemoCommand.aliveCount(.null) == 0)
    }
}
