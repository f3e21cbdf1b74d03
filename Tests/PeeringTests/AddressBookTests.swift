import IPC
import Model
import Testing

@testable import Peering

@Suite struct AddressBookTests {
    private func hosts(_ book: AddressBook, _ name: String) -> [String] {
        book.candidates(of: node(name)).map(\.address.host)
    }

    @Test func whatTheNodeSaysItselfIsTriedFirst() {
        var book = AddressBook()
        let n = node("n")
        book.heard(n, at: address("join"), from: .join, now: .seconds(9))
        book.heard(n, at: address("contact"), from: .contact, now: .seconds(1))
        book.heard(n, at: address("book"), from: .book, now: .seconds(9))
        book.heard(n, at: address("old"), from: .discovery, now: .seconds(1))
        book.heard(n, at: address("new"), from: .discovery, now: .seconds(2))
        #expect(hosts(book, "n") == ["contact", "new", "old", "book", "join"])
        #expect(book.best(of: n)?.host == "contact")
        #expect(book.best(of: node("other")) == nil)
    }

    @Test func aFailureIsTriedLastUntilTheNodeSpeaksAgain() {
        var book = AddressBook()
        let n = node("n")
        book.heard(n, at: address("a"), from: .contact, now: .zero)
        book.heard(n, at: address("b"), from: .book, now: .zero)
        book.failed(n, at: address("a"))
        #expect(hosts(book, "n") == ["b", "a"])
        book.heard(n, at: address("a"), from: .book, now: .seconds(1))
        #expect(hosts(book, "n") == ["b", "a"])
        book.heard(n, at: address("a"), from: .discovery, now: .seconds(1))
        #expect(hosts(book, "n") == ["a", "b"])
    }

    @Test func theClustersStateReplacesOnlyWhatItSaidItself() {
        var book = AddressBook()
        let n = node("n")
        book.told(n, [address("a"), address("b")], now: .zero)
        book.heard(n, at: address("a"), from: .discovery, now: .zero)
        book.told(n, [address("c")], now: .seconds(1))
        #expect(Set(hosts(book, "n")) == ["a", "c"])
        book.told(n, [], now: .seconds(2))
        #expect(hosts(book, "n") == ["a"])
        book.remove(n, at: address("a"))
        #expect(book.nodeCount == 0)
    }

    @Test func aNodeHasSixteenAddressesAndTheNewestIsOneOfThem() {
        var book = AddressBook()
        let n = node("n")
        for index in 0..<40 {
            book.heard(n, at: address("a\(index)"), from: .contact, now: .seconds(index))
        }
        book.heard(n, at: address("last"), from: .join, now: .zero)
        #expect(hosts(book, "n").count == PeeringLimits.addressesMax)
        #expect(hosts(book, "n").contains("last"))
        #expect(hosts(book, "n").contains("a39"))
    }

    @Test func ofTooManyNodesTheOneSilentForLongestIsForgotten() {
        var book = AddressBook()
        for index in 0..<PeeringLimits.nodesMax {
            book.heard(
                node("n\(index)"), at: address("a"), from: .discovery,
                now: .milliseconds(index == 77 ? 0 : index + 1))
        }
        book.heard(node("new"), at: address("a"), from: .discovery, now: .seconds(99))
        #expect(book.nodeCount == PeeringLimits.nodesMax)
        #expect(book.best(of: node("n77")) == nil)
        #expect(book.best(of: node("new")) != nil)
    }
}

@Suite struct PeerQueueTests {
    private let budget = 1 << 30

    private func offer(_ queue: inout PeerQueue, _ part: PeerPart, at: Int = 0) -> PeerQueue.Offer {
        queue.offer(part, budget: budget, now: .seconds(at))
    }

    private func messages(_ queue: inout PeerQueue) -> [UInt64] {
        var seen: [UInt64] = []
        while let frame = queue.next() {
            let payload = Array(frame.dropFirst(IPCLimits.headerByteCount))
            if let part = try? LinkPart(decoding: payload.span.bytes) { seen.append(part.message) }
        }
        return seen
    }

    @Test func overTheLimitTheNewestMessageIsDroppedWholeAndSaidOnce() {
        var queue = PeerQueue()
        let half = [UInt8](repeating: 0, count: IPCLimits.peerPartByteCountMax)
        #expect(offer(&queue, part(to: "n", 1)) == .taken)
        var taken = 0
        while offer(&queue, part(to: "n", 2, half, part: UInt32(taken), isLast: false)) == .taken {
            taken += 1
        }
        #expect(taken == 31)
        let rest = offer(&queue, part(to: "n", 2, part: UInt32(taken) + 1))
        #expect(rest == .dropped(isNews: false))
        #expect(offer(&queue, part(to: "n", 3)) == .taken)
        #expect(messages(&queue) == [1, 3])
        #expect(queue.byteCount == 0)
        #expect(queue.messageCount == 0)
    }

    @Test func smallMessagesAreCounted() {
        var queue = PeerQueue()
        for index in 0..<PeeringLimits.queueMessagesMax {
            #expect(offer(&queue, part(to: "n", UInt64(index), [])) == .taken)
        }
        #expect(offer(&queue, part(to: "n", 99_999, [])) == .dropped(isNews: true))
        _ = queue.next()
        #expect(offer(&queue, part(to: "n", 100_000, [])) == .taken)
        #expect(queue.messageCount == PeeringLimits.queueMessagesMax)
    }

    @Test func allQueuesTogetherAreBoundedToo() {
        var queue = PeerQueue()
        let big = part(to: "n", 1, [UInt8](repeating: 0, count: 100))
        let first = queue.offer(big, budget: 99, now: .zero)
        let second = queue.offer(part(to: "n", 2, [1]), budget: 99, now: .zero)
        #expect(first == .dropped(isNews: true))
        #expect(second == .taken)
    }

    @Test func theRestOfACutMessageGoesAndTheNextStays() {
        var queue = PeerQueue()
        for index in 0..<3 {
            _ = offer(&queue, part(to: "n", 1, part: UInt32(index), isLast: index == 2))
        }
        _ = offer(&queue, part(to: "n", 2))
        _ = queue.next()
        #expect(queue.isMidMessage)
        let wasCut = queue.connectionEnded()
        #expect(wasCut)
        #expect(messages(&queue) == [2])
        let isCutAgain = queue.connectionEnded()
        #expect(!isCutAgain)
    }

    @Test func whatTheStoreStillSendsOfACutMessageIsNotTaken() {
        var queue = PeerQueue()
        _ = offer(&queue, part(to: "n", 1, isLast: false))
        _ = queue.next()
        let wasCut = queue.connectionEnded()
        #expect(wasCut)
        #expect(offer(&queue, part(to: "n", 1, part: 1)) == .dropped(isNews: false))
        #expect(offer(&queue, part(to: "n", 2)) == .taken)
        #expect(messages(&queue) == [2])
    }

    @Test func whatWaitedTooLongGoesWhole() {
        var queue = PeerQueue()
        _ = offer(&queue, part(to: "n", 1, isLast: false), at: 0)
        _ = offer(&queue, part(to: "n", 1, part: 1), at: 0)
        _ = offer(&queue, part(to: "n", 2), at: 8)
        let early = queue.expire(now: .seconds(9))
        let late = queue.expire(now: .seconds(11))
        #expect((early, late) == (0, 1))
        #expect(messages(&queue) == [2])
    }

    @Test func whatIsUnderWayDoesNotExpire() {
        var queue = PeerQueue()
        _ = offer(&queue, part(to: "n", 1, isLast: false), at: 0)
        _ = offer(&queue, part(to: "n", 1, part: 1), at: 0)
        _ = queue.next()
        let expired = queue.expire(now: .seconds(60))
        #expect(expired == 0)
        #expect(messages(&queue) == [1])
    }

    @Test func tenThousandPartsKeepTheirOrder() {
        var queue = PeerQueue()
        var seen: [UInt64] = []
        var rng = SplitMix64(seed: 1)
        var next: UInt64 = 0
        while next < 10_000 {
            for _ in 0..<Int.random(in: 1...50, using: &rng) {
                _ = offer(&queue, part(to: "n", next))
                next += 1
            }
            for _ in 0..<Int.random(in: 1...50, using: &rng) {
                guard let frame = queue.next() else { break }
                let payload = Array(frame.dropFirst(IPCLimits.headerByteCount))
                if let part = try? LinkPart(decoding: payload.span.bytes) {
                    seen.append(part.message)
                }
            }
        }
        seen += messages(&queue)
        #expect(seen == Array(0..<next))
    }
}
