import IPC
import Model
import NIOCore
import NIOEmbedded
import Testing

@testable import GatewayProcess

/// A gateway that only writes down what it is told.
private final class Told: ControlDelegate {
    var events: [String] = []
    var ready: (() -> Void)?
    var drained: (() -> Void)?
    var refusal: SettingsFault?

    func configure(_ settings: Settings, ready: @escaping () -> Void) throws(SettingsFault) {
        if let refusal { throw refusal }
        events.append("configure \(settings["node_id"] ?? "")")
        self.ready = ready
    }

    func progress(answer: @escaping (ProgressReport) -> Void) {
        answer(ProgressReport(queued: 1, finished: 2, syncMilliseconds: 0))
    }

    func workersChanged(_ status: NodeStatus) {
        events.append("workers \(status.warnings)")
    }

    func drain(milliseconds: UInt32, done: @escaping () -> Void) {
        events.append("drain \(milliseconds)")
        drained = done
    }

    func controlEnded(_ reason: String) { events.append("ended") }

    func failPermanently(_ reason: String) { events.append("failed: \(reason)") }

    func drainAnswered() { events.append("left") }
}

@Suite struct ControlLinkTests {
    /// The supervisor's end.
    private final class Supervisor {
        let told = Told()
        let loop = EmbeddedEventLoop()
        let channel: EmbeddedChannel
        let link: ControlLink
        var session = Session(
            side: .acceptor, role: .supervisor, generation: 0, acceptedRoles: [.gateway])
        var decoder = FrameDecoder()
        var events: [Session.Event] = []
        var payloads: [[UInt8]] = []

        init() {
            link = ControlLink(generation: 7, delegate: told)
            channel = EmbeddedChannel(handler: link, loop: loop)
            channel.connect(to: FakeStore.address, promise: nil)
            exchange()
        }

        func exchange() {
            for _ in 0..<4 {
                if session.output.count > 0 {
                    let bytes = ByteBuffer(bytes: session.output.bytes)
                    session.output = ByteWriter()
                    _ = try? channel.writeInbound(bytes)
                }
                loop.run()
                while let bytes = try? channel.readOutbound(as: ByteBuffer.self) {
                    try? decoder.feed(bytes.readableBytesSpan) { header, payload in
                        events.append(session.frameReceived(header, payload: payload))
                        payloads.append(payload.withUnsafeBytes { [UInt8]($0) })
                        return true
                    }
                }
            }
        }

        func request(_ message: some Message, _ type: MessageType) {
            _ = session.open(message, type: type, deadline: .seconds(1))
            exchange()
        }
    }

    @Test func theGatewayGreetsWithItsGeneration() {
        let supervisor = Supervisor()
        guard case .established(let peer) = supervisor.events.first else {
            Issue.record("\(supervisor.events)")
            return
        }
        #expect(peer.role == .gateway)
        #expect(peer.generation == 7)
    }

    @Test func readyIsSaidOnceItIsTrue() {
        let supervisor = Supervisor()
        supervisor.request(Settings(["node_id": "n1"]), .configure)
        #expect(supervisor.told.events == ["configure n1"])
        #expect(supervisor.events.last == .response(id: 2, isError: false))
        supervisor.told.ready?()
        supervisor.exchange()
        #expect(supervisor.events.last == .notice(.ready))
    }

    @Test func settingsThatCannotBeUsedAreSaidAndPermanent() {
        let supervisor = Supervisor()
        supervisor.told.refusal = SettingsFault(message: "no")
        supervisor.request(Settings([:]), .configure)
        #expect(supervisor.events.last == .response(id: 2, isError: true))
        #expect(supervisor.told.events == ["failed: no"])
    }

    @Test func progressIsAnswered() throws {
        let supervisor = Supervisor()
        supervisor.request(Empty(), .progress)
        let payload = try #require(supervisor.payloads.last)
        let span = payload.span
        #expect(
            try ProgressReport(decoding: span.bytes)
                == ProgressReport(queued: 1, finished: 2, syncMilliseconds: 0))
    }

    @Test func drainIsAnsweredWhenNothingIsOpen() {
        let supervisor = Supervisor()
        supervisor.request(DrainRequest(milliseconds: 5), .drain)
        #expect(supervisor.told.events == ["drain 5"])
        let before = supervisor.events.count
        supervisor.told.drained?()
        supervisor.exchange()
        #expect(supervisor.events.dropFirst(before) == [.response(id: 2, isError: false)])
        #expect(supervisor.told.events == ["drain 5", "left"])
    }

    @Test func aRestartIsAskedForAndAnsweredOnce() throws {
        let supervisor = Supervisor()
        var results: [Result<Void, RemoteError>] = []
        for _ in 0..<3 { supervisor.link.restart("store") { results.append($0) } }
        supervisor.exchange()
        let ids = supervisor.events.compactMap { event -> UInt64? in
            if case .request(let id, .restartWorker) = event { id } else { nil }
        }
        #expect(ids.count == 3)
        let payload = try #require(supervisor.payloads.last)
        let span = payload.span
        #expect(try RestartRequest(decoding: span.bytes).worker == "store")
        supervisor.session.answer(ids[0], type: .restartWorker, Empty())
        supervisor.session.fail(ids[1], type: .restartWorker, RemoteError(.notFound, "no"))
        supervisor.exchange()
        #expect(results.count == 2)
        #expect(throws: Never.self) { try results[0].get() }
        #expect(throws: RemoteError(.notFound, "no")) { try results[1].get() }
        // A supervisor that says nothing is given up.
        supervisor.loop.advanceTime(by: .seconds(GatewayLimits.restartWaitSeconds))
        supervisor.exchange()
        #expect(supervisor.events.last == .cancelled(id: ids[2]))
        #expect(results.count == 3)
        #expect(throws: RemoteError.self) { try results[2].get() }
    }

    @Test func aNoticeOfTheWorkersIsPassedOn() {
        let supervisor = Supervisor()
        supervisor.session.notify(
            NodeStatus(
                facts: Settings([:]), started: Timestamp(nanoseconds: 0), workers: [],
                warnings: ["w"]),
            type: .workers)
        supervisor.exchange()
        #expect(supervisor.told.events == ["workers [\"w\"]"])
    }

    @Test func aSupervisorThatIsGoneOrSpeaksNonsenseEndsTheGateway() {
        let gone = Supervisor()
        gone.channel.close(promise: nil)
        gone.loop.run()
        #expect(gone.told.events == ["ended"])
        let nonsense = Supervisor()
        _ = try? nonsense.channel.writeInbound(ByteBuffer(repeating: 0xFF, count: 32))
        #expect(nonsense.told.events == ["ended"])
    }
}

@Suite struct GatewaySettingsTests {
    private let least = [
        "node_id": "n", "store_socket": "/s", "store_fds_socket": "/f",
    ]

    @Test func whatIsMissingHasItsDefault() throws {
        let settings = try GatewaySettings(Settings(least), coreCount: 16)
        #expect(settings.eventLoopCount == 4)
        #expect(settings.idleMilliseconds == 60_000)
        #expect(settings.headerMilliseconds == 10_000)
    }

    @Test(arguments: ["node_id", "store_socket", "store_fds_socket"])
    func whatMustBeThereIsNamed(_ name: String) {
        var values = least
        values[name] = nil
        #expect(throws: SettingsFault(message: "the setting \(name) is missing")) {
            try GatewaySettings(Settings(values), coreCount: 1)
        }
    }

    @Test(arguments: ["x", "-1", "0", "99999999999999999999"])
    func numbersOutsideTheirRangeAreRefused(_ value: String) {
        #expect(throws: SettingsFault.self) {
            try GatewaySettings(
                Settings(least.merging(["max_connections": value]) { $1 }), coreCount: 1)
        }
    }
}

@Suite struct ConnectionCountsTests {
    @Test func connectionsAreBoundedInAllAndFromEachAddress() {
        let counts = ConnectionCounts(max: 3, maxPerAddress: 2)
        #expect(counts.add("a"))
        #expect(counts.add("a"))
        #expect(!counts.add("a"))
        #expect(counts.add("b"))
        #expect(!counts.add("c"))
        counts.remove("a")
        #expect(counts.add("c"))
    }
}
