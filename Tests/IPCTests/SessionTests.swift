import IPC
import Model
import Testing

/// Two sessions joined by their bytes, without a socket.
final class Pair {
    var initiator: Session
    var acceptor: Session
    private var toAcceptor = FrameDecoder()
    private var toInitiator = FrameDecoder()

    init(
        initiatorCredit: UInt32 = 4, acceptorCredit: UInt32 = 4, role: Role = .gateway,
        accepted: [Role] = [.gateway]
    ) {
        initiator = Session(
            side: .initiator, role: role, generation: 3, acceptedRoles: [.store],
            token: Bits128(high: 1, low: 2), credit: initiatorCredit)
        acceptor = Session(
            side: .acceptor, role: .store, generation: 9, acceptedRoles: accepted,
            credit: acceptorCredit)
    }

    /// Carries what the initiator said to the acceptor.
    func carryDown() throws -> [Session.Event] {
        let bytes = initiator.output.bytes
        initiator.output = ByteWriter()
        return try Pair.feed(bytes, to: &acceptor, through: &toAcceptor)
    }

    /// Carries what the acceptor said to the initiator.
    func carryUp() throws -> [Session.Event] {
        let bytes = acceptor.output.bytes
        acceptor.output = ByteWriter()
        return try Pair.feed(bytes, to: &initiator, through: &toInitiator)
    }

    /// A request of the initiator; nil without credit.
    func ask(_ type: MessageType, deadline: Duration = .seconds(1000)) -> UInt64? {
        initiator.open(Empty(), type: type, deadline: deadline)
    }

    /// The acceptor's answer to a request; false where it is no longer wanted.
    func answer(_ id: UInt64, _ type: MessageType) -> Bool {
        acceptor.answer(id, type: type, Empty())
    }

    static func feed(
        _ bytes: [UInt8], to session: inout Session, through decoder: inout FrameDecoder
    ) throws -> [Session.Event] {
        var events: [Session.Event] = []
        var target = session
        try decoder.feed(bytes.span.bytes) { header, payload in
            events.append(target.frameReceived(header, payload: payload))
            return true
        }
        session = target
        return events
    }

    static func established(initiatorCredit: UInt32 = 4, acceptorCredit: UInt32 = 4) throws -> Pair
    {
        let pair = Pair(initiatorCredit: initiatorCredit, acceptorCredit: acceptorCredit)
        pair.initiator.start()
        _ = try pair.carryDown()
        _ = try pair.carryUp()
        return pair
    }
}

@Suite struct SessionTests {
    let never = Duration.seconds(1000)

    @Test func handshakeSaysWhoIsThere() throws {
        let pair = Pair()
        pair.initiator.start()
        let token = Bits128(high: 1, low: 2)
        #expect(
            try pair.carryDown()
                == [.established(.init(role: .gateway, generation: 3, token: token))])
        #expect(
            try pair.carryUp() == [.established(.init(role: .store, generation: 9, token: token))])
        #expect(pair.initiator.isEstablished && pair.acceptor.isEstablished)
    }

    @Test func aRoleWithoutBusinessIsRefusedAndTold() throws {
        let pair = Pair(role: .indexer)
        pair.initiator.start()
        #expect(try pair.carryDown() == [.fault(.roleRefused(.indexer))])
        guard case .refused(let why)? = try pair.carryUp().first else {
            Issue.record("no refusal arrived")
            return
        }
        #expect(why.contains("indexer"))
    }

    @Test func anotherVersionIsRefusedAndTold() throws {
        var hello = Hello(
            role: .gateway, generation: 1, token: Bits128(high: 0, low: 0), credit: 1)
        hello.lowestVersion = 7
        hello.highestVersion = 9
        let pair = Pair()
        var decoder = FrameDecoder()
        let frame = FrameWriter.frame(hello, type: .hello, requestID: 0)
        let events = try Pair.feed(frame, to: &pair.acceptor, through: &decoder)
        #expect(events == [.fault(.version(lowest: 7, highest: 9))])
        pair.initiator.start()
        #expect(pair.acceptor.output.count > 0)
        guard case .refused? = try pair.carryUp().first else {
            Issue.record("no refusal arrived")
            return
        }
    }

    @Test func nothingGoesBeforeTheHandshake() throws {
        let pair = Pair()
        #expect(pair.ask(.progress) == nil)
        var decoder = FrameDecoder()
        let frame = FrameWriter.frame(Empty(), type: .progress, requestID: 1)
        let events = try Pair.feed(frame, to: &pair.acceptor, through: &decoder)
        #expect(events == [.fault(.unexpected(type: MessageType.progress.rawValue))])
    }

    @Test func requestsGoBothWaysWithTheirOwnIDs() throws {
        let pair = try Pair.established()
        let down = try #require(pair.ask(.progress))
        let up = pair.acceptor.open(Empty(), type: .drain, deadline: never)
        #expect(down == 1 && up == 2)
        #expect(try pair.carryDown() == [.request(id: 1, type: .progress)])
        #expect(try pair.carryUp() == [.request(id: 2, type: .drain)])
        #expect(pair.answer(1, .progress))
        pair.initiator.fail(2, type: .drain, RemoteError(.unavailable, "no"))
        #expect(try pair.carryUp() == [.response(id: 1, isError: false)])
        #expect(try pair.carryDown() == [.response(id: 2, isError: true)])
        #expect(pair.initiator.openRequestCount == 0 && pair.acceptor.openRequestCount == 0)
    }

    @Test func creditBoundsOpenRequestsAndAnswersGiveItBack() throws {
        let pair = try Pair.established(acceptorCredit: 2)
        #expect(pair.ask(.lookup) != nil)
        #expect(pair.ask(.lookup) != nil)
        #expect(pair.ask(.lookup) == nil)
        _ = try pair.carryDown()
        pair.acceptor.answer(1, type: .lookup, Empty())
        _ = try pair.carryUp()
        #expect(pair.initiator.hasCredit)
    }

    @Test func aPeerThatExceedsItsCreditIsFaulted() throws {
        let pair = try Pair.established(acceptorCredit: 1)
        var decoder = FrameDecoder()
        let frames =
            FrameWriter.frame(Empty(), type: .lookup, requestID: 1)
            + FrameWriter.frame(Empty(), type: .lookup, requestID: 3)
        let events = try Pair.feed(frames, to: &pair.acceptor, through: &decoder)
        #expect(events == [.request(id: 1, type: .lookup), .fault(.creditExceeded)])
    }

    @Test func aLoweredWindowSparesRequestsOnTheirWay() throws {
        let pair = try Pair.established(acceptorCredit: 2)
        pair.acceptor.setWindow(0)
        #expect(pair.ask(.lookup) != nil)
        #expect(try pair.carryDown() == [.request(id: 1, type: .lookup)])
        #expect(try pair.carryUp() == [.creditChanged])
        #expect(!pair.initiator.hasCredit)
        pair.acceptor.setWindow(3)
        _ = try pair.carryUp()
        #expect(pair.initiator.hasCredit)
    }

    @Test func aCancelledRequestIsNotAnswered() throws {
        let pair = try Pair.established()
        let id = try #require(pair.ask(.lookup))
        _ = try pair.carryDown()
        pair.initiator.cancel(id)
        #expect(try pair.carryDown() == [.cancelled(id: id)])
        #expect(!pair.acceptor.isWanted(id))
        #expect(!pair.answer(id, .lookup))
        #expect(pair.acceptor.output.count == 0)
    }

    @Test func anAnswerThatCrossesItsCancelIsStale() throws {
        let pair = try Pair.established()
        let id = try #require(pair.ask(.lookup))
        _ = try pair.carryDown()
        pair.acceptor.answer(id, type: .lookup, Empty(), descriptor: true)
        pair.initiator.cancel(id)
        #expect(try pair.carryUp() == [.staleResponse(id: id)])
        #expect(try pair.carryDown() == [.ignored])
    }

    @Test func deadlinesExpireInOrderAndCancel() throws {
        let pair = try Pair.established()
        let a = pair.ask(.lookup, deadline: .seconds(1))
        let b = pair.ask(.lookup, deadline: .seconds(3))
        let c = pair.ask(.lookup, deadline: .seconds(2))
        #expect(pair.initiator.nextDeadline == .seconds(1))
        let expired = pair.initiator.expire(now: .milliseconds(2500))
        #expect(expired == [a, c].compactMap { $0 })
        #expect(pair.initiator.openRequestCount == 1)
        _ = try pair.carryDown()
        #expect(pair.acceptor.unansweredCount == 1)
        #expect(pair.acceptor.isWanted(try #require(b)))
    }

    @Test(arguments: [2, 4, 1, 0xFFFF_FFFF_FFFF_FFFF] as [UInt64])
    func anAnswerToWhatWasNeverAskedIsAFault(id: UInt64) throws {
        let pair = try Pair.established()
        var decoder = FrameDecoder()
        let frame = FrameWriter.frame(Empty(), type: .lookup, flags: .response, requestID: id)
        let events = try Pair.feed(frame, to: &pair.initiator, through: &decoder)
        #expect(events == [.fault(.requestID(id))])
    }

    @Test func requestIDsNeverGoBackAndKeepTheirParity() throws {
        for ids in [[3, 3], [3, 1], [2]] as [[UInt64]] {
            let pair = try Pair.established()
            var decoder = FrameDecoder()
            let frames = ids.flatMap { FrameWriter.frame(Empty(), type: .lookup, requestID: $0) }
            let events = try Pair.feed(frames, to: &pair.acceptor, through: &decoder)
            #expect(events.last == .fault(.requestID(ids.last ?? 0)))
        }
    }

    @Test func anUnknownTypeIsAFault() throws {
        let pair = try Pair.established()
        var writer = ByteWriter()
        FrameHeader(payloadByteCount: 0, type: 999, flags: [], requestID: 1).write(into: &writer)
        var decoder = FrameDecoder()
        let events = try Pair.feed(writer.bytes, to: &pair.acceptor, through: &decoder)
        #expect(events == [.fault(.unknownType(999))])
    }

    @Test func noticesHaveNoAnswer() throws {
        let pair = try Pair.established()
        pair.initiator.notify(OperationList(operations: []), type: .claimUploads)
        #expect(try pair.carryDown() == [.notice(.claimUploads)])
        #expect(pair.acceptor.unansweredCount == 0)
    }
}
