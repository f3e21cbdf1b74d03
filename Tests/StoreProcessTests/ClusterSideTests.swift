import Cluster
import IPC
import Model
import Replication
import Testing

@testable import StoreProcess

/// The values around the brain: what is on the shelf, which messages wait, what was answered.
@Suite struct ClusterSideTests {
    private func object(_ number: UInt64) -> ObjectID {
        ObjectID(bits: Bits128(high: 0, low: number))
    }

    private func content(_ number: UInt64) -> NamedContent {
        NamedContent(object: object(number), byteCount: 1, digest: .test([UInt8(number)]))
    }

    /// A gateway sends again at once what it asked of a store that died.
    @Test func whatWasAskedOfALifeBeforeMayBeRepeated() async throws {
        let before = OperationID.test()
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        await store.onStore { store in
            let now = store.clusterNow.wallMilliseconds
            var generator = SplitMix64(seed: 1)
            let later = OperationID(wallMilliseconds: now + 1, using: &generator)
            #expect(store.cluster.node.mayBeRepeated(before, wallMilliseconds: now))
            #expect(!store.cluster.node.mayBeRepeated(later, wallMilliseconds: now + 2))
            #expect(store.cluster.node.mayBeRepeated(later, wallMilliseconds: now + 502))
        }
        await store.end()
    }

    // MARK: The shelf

    @Test func theShelfIsBoundedAndTheOldestGoes() {
        var shelf = ContentShelf(byteCountMax: 1000)
        for number in 1...100 as ClosedRange<UInt64> {
            shelf.put(
                object(number), .bytes([UInt8](repeating: 1, count: 100)), byteCount: 100,
                now: .zero)
            #expect(shelf.byteCountInMemory <= 1000)
        }
        #expect(shelf[object(100)] != nil)
        #expect(shelf[object(1)] == nil)
        #expect(shelf.count == 10)
    }

    /// Small contents take more than their bytes.
    @Test func theShelfIsBoundedInNumberToo() {
        var shelf = ContentShelf(countMax: 10)
        for number in 1...100 as ClosedRange<UInt64> {
            shelf.put(object(number), .bytes([1]), byteCount: 1, now: .zero, isPinned: number <= 3)
        }
        #expect(shelf.count == 10)
        for number in [1, 2, 3, 94, 100] as [UInt64] { #expect(shelf[object(number)] != nil) }
        #expect(shelf[object(93)] == nil)
    }

    @Test func whatIsInUseStays() {
        var shelf = ContentShelf(byteCountMax: 150)
        shelf.put(
            object(1), .bytes([UInt8](repeating: 1, count: 100)), byteCount: 100, now: .zero,
            isPinned: true)
        for number in 2...20 as ClosedRange<UInt64> {
            shelf.put(
                object(number), .bytes([UInt8](repeating: 1, count: 100)), byteCount: 100,
                now: .zero)
        }
        #expect(shelf[object(1)] != nil)
        #expect(shelf.expire(now: .seconds(1_000_000)).isEmpty)
        #expect(shelf[object(1)] != nil)
        shelf.unpin(object(1), now: .seconds(10))
        _ = shelf.expire(now: .seconds(10) + StoreLimits.shelfTime)
        #expect(shelf[object(1)] == nil)
        #expect(shelf.byteCountInMemory == 0)
    }

    @Test func stagingFilesAreToldWhenTheirTimeIsOver() {
        var shelf = ContentShelf()
        let operation = OperationID.test()
        shelf.put(object(1), .staged(operation), byteCount: 1 << 30, now: .zero)
        #expect(shelf.expire(now: StoreLimits.shelfTimeStaged - .seconds(1)).isEmpty)
        let gone = shelf.expire(now: StoreLimits.shelfTimeStaged)
        #expect(gone.map(\.operation) == [operation])
        #expect(shelf.count == 0)
    }

    @Test func nothingThatIsUsedIsTaken() {
        var shelf = ContentShelf()
        shelf.put(object(1), .staged(.test()), byteCount: 1, now: .zero, isPinned: true)
        shelf.pin(object(1))
        shelf.unpin(object(1), now: .zero)
        let early = shelf.take(object(1))
        #expect(!early)
        shelf.unpin(object(1), now: .zero)
        let taken = shelf.take(object(1))
        let again = shelf.take(object(1))
        #expect(taken)
        #expect(!again)
    }

    // MARK: The gate

    private func message(_ number: UInt64) -> PeerMessage {
        .request(PeerRequest(id: number, layouts: nil, body: .isWanted(number)))
    }

    @Test func aMessageWaitsForAllOfItsContents() throws {
        var gate = MessageGate()
        let peer = try #require(NodeID("p"))
        let first = gate.hold(
            message(1), from: peer, [content(1), content(2)], required: [content(1)])
        #expect(first != nil)
        #expect(gate.hold(message(2), from: peer, [content(2)], required: []) != nil)
        #expect(gate.settled(object(3), isHere: true).isEmpty)
        #expect(gate.settled(object(1), isHere: true).isEmpty)
        let free = gate.settled(object(2), isHere: true)
        #expect(free.map(\.message) == [message(1), message(2)])
        #expect(gate.count == 0)
    }

    @Test func withoutARequiredContentAMessageIsLostAndWithoutAWantedOneItIsTaken() throws {
        var gate = MessageGate()
        let peer = try #require(NodeID("p"))
        _ = gate.hold(message(1), from: peer, [content(1), content(2)], required: [content(1)])
        _ = gate.hold(message(2), from: peer, [content(1)], required: [])
        #expect(gate.settled(object(1), isHere: false).map(\.message) == [message(2)])
        #expect(gate.settled(object(2), isHere: true).isEmpty)
        #expect(gate.count == 0)
    }

    @Test func onlySoManyWait() throws {
        var gate = MessageGate()
        let peer = try #require(NodeID("p"))
        for number in 0..<UInt64(StoreLimits.heldMessagesMax) {
            #expect(
                gate.hold(message(number), from: peer, [content(1)], required: []) != nil)
        }
        #expect(gate.hold(message(9), from: peer, [content(1)], required: []) == nil)
        #expect(gate.settled(object(1), isHere: true).count == StoreLimits.heldMessagesMax)
    }

    // MARK: Memories

    @Test func knownObjectsAreBoundedAndForgotten() {
        var known = RecentSet<ObjectID>(max: StoreLimits.knownObjectsMax)
        let count = UInt64(StoreLimits.knownObjectsMax)
        for number in 1...(count + 10) { known.insert(object(number)) }
        #expect(!known.contains(object(1)))
        #expect(known.contains(object(11)))
        #expect(known.contains(object(count + 10)))
        known.remove(object(20))
        #expect(!known.contains(object(20)))
        for number in (count + 11)...(2 * count) { known.insert(object(number)) }
        #expect(known.contains(object(2 * count)))
    }

    @Test func whatWasRemovedAndCameAgainIsThere() {
        var recent = RecentSet<Int>(max: 3)
        for number in 1...3 { recent.insert(number) }
        recent.remove(1)
        let again = [recent.insert(1), recent.insert(1)]
        #expect(again == [true, false])
        for number in 4...5 { recent.insert(number) }
        #expect((1...5).filter { recent.contains($0) } == [1, 4, 5])
    }

    /// Each version once, whoever tells it; a deletion anew after each version.
    @Test func changesAreToldOnce() throws {
        let path = try StorePath(validating: "/a".utf8)
        let gone = FileChange(path: path, version: nil)
        func version(_ sequence: UInt64) -> FileChange {
            FileChange(
                path: path,
                version: Dot(disk: DiskID(bits: Bits128(high: 1, low: 1)), sequence: sequence))
        }
        var told = ToldChanges()
        let said = [
            version(1), version(1), gone, version(1), gone, version(2), gone, gone, version(2),
        ].map { told.insert($0) }
        #expect(said == [true, false, true, false, false, true, true, false, false])
    }

    @Test func answersAreRememberedAndTheOldestGo() {
        var answered = AnsweredOperations()
        func operation(_ number: Int) -> OperationID {
            OperationID(bits: Bits128(high: 0, low: UInt64(number)))
        }
        let dot = Dot(disk: DiskID(bits: Bits128(high: 1, low: 1)), sequence: 1)
        for number in 0...StoreLimits.answeredMax {
            answered.insert(
                operation(number),
                WriteResponse(
                    outcome: .created, dot: dot, time: HybridTime(value: UInt64(number)), copies: 1)
            )
        }
        #expect(answered[operation(0)] == nil)
        #expect(answered[operation(1)]?.time == HybridTime(value: 1))
        #expect(answered[operation(StoreLimits.answeredMax)] != nil)
    }

    // MARK: Addresses

    @Test func addressesAreReadAsTheyAreWritten() throws {
        for address in [
            PeerAddress(host: "10.0.0.1", port: 31000), PeerAddress(host: "fe80::1%eth0", port: 9),
        ] {
            #expect(PeerAddress(text: address.text) == address)
        }
        for text in ["", "10.0.0.1", ":80", "[]:80", "10.0.0.1:0", "10.0.0.1:65536", "x:"] {
            #expect(PeerAddress(text: text) == nil)
        }
    }
}
