import Model
import Testing

@testable import Cluster

/// The setting `quotas`, and whether a write may be taken by what is known of their use.
@Suite struct QuotaTests {
    static func path(_ text: String) -> StorePath {
        guard let path = try? StorePath(validating: text.utf8) else {
            preconditionFailure("no path: \(text)")
        }
        return path
    }

    static func write(
        _ text: String, _ byteCount: UInt64, _ number: UInt64 = 1, from source: String? = nil
    ) -> QuotaBook.Write {
        QuotaBook.Write(
            to: path(text), byteCount: byteCount,
            OperationID(bits: Bits128(high: 0, low: number)), from: source.map(path))
    }

    // MARK: The setting

    @Test(
        arguments: [
            ("", []), ("  ", []), ("/a=1", [("/a", 1)]), ("/a=0", [("/a", 0)]),
            ("/b = 2k ,/a=1M", [("/a", 1 << 20), ("/b", 2048)]),
            ("/=3G", [("/", 3 << 30)]), ("/x=y=1T", [("/x=y", 1 << 40)]),
            ("/ü/a b=9223372036854775807", [("/ü/a b", 9_223_372_036_854_775_807)]),
            ("/a/=1", [("/a", 1)]),
        ] as [(String, [(String, UInt64)])])
    func aListIsRead(text: String, wanted: [(String, UInt64)]) throws {
        let found = try Quota.parse(text)
        #expect(found == wanted.map { Quota(directory: Self.path($0.0), limit: $0.1) })
        #expect(try Quota.parse(Quota.text(of: found)) == found)
    }

    @Test(arguments: [
        ("/a", "/directory=500G"), ("a=1", "names no directory"), ("=1", "names no directory"),
        ("/a=", "no number"), ("/a=1.5G", "no number"), ("/a=-1", "no number"),
        ("/a=9223372036854775808", "no number"), ("/a=9999999T", "no number"),
        ("/a=1,", "/directory=500G"), (",", "/directory=500G"), ("/a//b=1", "names no directory"),
        ("/../b=1", "names no directory"), ("/a=1,/a/=2", "two quotas"),
        (
            (0...ClusterLimits.quotaCountMax).map { "/\($0)=1" }.joined(separator: ","),
            "too many"
        ),
    ])
    func whatIsNoListSaysWhy(text: String, why: String) {
        let fault = #expect(throws: Quota.Fault.self) { _ = try Quota.parse(text) }
        #expect(fault?.text.contains(why) == true, "\(fault?.text ?? "")")
        #expect(!ClusterSettings.accepts(text, for: Quota.settingKey))
    }

    @Test func asManyAsThereMayBeFitTheSetting() throws {
        let text = (1...ClusterLimits.quotaCountMax)
            .map { "/directory-\($0)=1T" }.joined(separator: ", ")
        #expect(try Quota.parse(text).count == ClusterLimits.quotaCountMax)
        #expect(ClusterSettings.accepts(text, for: Quota.settingKey))
    }

    @Test func numbersAreShownRoundedDown() {
        let shown: [(UInt64, String)] = [
            (0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 K"), (1536, "1.5 K"),
            (1 << 20 - 1, "1023.9 K"), (500 << 30, "500 G"), (UInt64(Int64.max), "8388607.9 T"),
        ]
        for (byteCount, text) in shown { #expect(Quota.rounded(byteCount) == text) }
    }

    @Test func onlyWhatIsBelowCounts() {
        let quota = Quota(directory: Self.path("/a"), limit: 1)
        #expect(quota.covers(Self.path("/a/b")) && quota.covers(Self.path("/a/b/c")))
        #expect(!quota.covers(Self.path("/a")) && !quota.covers(Self.path("/ab")))
        #expect(Quota(directory: .root, limit: 1).covers(Self.path("/x")))
    }

    // MARK: Writes

    /// A book whose changes are expressions.
    private final class Held {
        private var book = QuotaBook()

        func set(_ text: String) throws { book.set(try Quota.parse(text)) }
        func concerns(_ write: QuotaBook.Write) -> Bool { book.concerns(write) }
        func admits(_ write: QuotaBook.Write, _ now: Duration) -> Bool { book.admits(write, now) }
        func decide(
            _ write: QuotaBook.Write, replacing old: UInt64, arrival: Duration, isLast: Bool
        ) -> QuotaBook.Verdict {
            book.decide(write, replacing: old, arrival: arrival, isLast: isLast)
        }
        func end(_ operation: OperationID, isWritten: Bool, _ now: Duration) {
            book.end(operation, isWritten: isWritten, now)
        }
        func refreshed(_ uses: [StorePath: QuotaBook.Use], asOf: Duration) {
            book.refreshed(uses, asOf: asOf)
        }
    }

    private func book(_ text: String, used: [String: UInt64]) throws -> Held {
        let book = Held()
        try book.set(text)
        book.refreshed(uses(used), asOf: .zero)
        return book
    }

    private func uses(_ used: [String: UInt64]) -> [StorePath: QuotaBook.Use] {
        Dictionary(
            uniqueKeysWithValues: used.map {
                (Self.path($0.key), QuotaBook.Use(byteCount: $0.value, isComplete: true))
            })
    }

    @Test func memoryHasTheAnswerWhileThereIsRoom() throws {
        let book = try book("/a=100", used: ["/a": 40])
        #expect(!book.concerns(Self.write("/b/c", 1000)))
        #expect(!book.concerns(Self.write("/a/b", 0)))
        #expect(book.concerns(Self.write("/a/b", 1)))
        #expect(book.admits(Self.write("/a/b", 60), .seconds(5)))
        // What is under way takes its room.
        #expect(!book.admits(Self.write("/a/c", 1, 2), .seconds(5)))
        // The same again does not count twice.
        #expect(book.admits(Self.write("/a/b", 60), .seconds(5)))
        book.end(Self.write("/a/b", 60).operation, isWritten: false, .seconds(5))
        #expect(book.admits(Self.write("/a/c", 60, 2), .seconds(5)))
    }

    @Test func oldSumsAdmitNothing() throws {
        let book = try book("/a=100", used: [:])
        let late = ClusterLimits.quotaAge + .nanoseconds(1)
        #expect(!book.admits(Self.write("/a/b", 1), late))
        #expect(
            book.decide(Self.write("/a/b", 1), replacing: 0, arrival: late, isLast: false)
                == .unclear)
        book.refreshed(uses(["/a": 99]), asOf: late)
        #expect(
            book.decide(Self.write("/a/b", 1), replacing: 0, arrival: late, isLast: false)
                == .admitted)
    }

    @Test func whatWasWrittenCountsUntilTheSumsHaveIt() throws {
        let book = try book("/a=100", used: [:])
        let first = Self.write("/a/b", 70)
        #expect(book.admits(first, .seconds(1)))
        book.end(first.operation, isWritten: true, .seconds(1))
        #expect(!book.admits(Self.write("/a/c", 31, 2), .seconds(1)))
        // Sums of that moment may have it, or not: nothing is refused by them.
        book.refreshed(uses(["/a": 70]), asOf: .seconds(1))
        let second = Self.write("/a/c", 30, 2)
        #expect(!book.admits(second, .seconds(1)))
        #expect(
            book.decide(second, replacing: 0, arrival: .seconds(1), isLast: false) == .unclear)
        let later =
            .seconds(1) + ClusterLimits.quotaSlot + ClusterLimits.quotaCommitDelay
        book.refreshed(uses(["/a": 70]), asOf: later)
        #expect(
            book.decide(second, replacing: 0, arrival: .seconds(1), isLast: false) == .admitted)
    }

    @Test func aRefusalSaysWhatIsTaken() throws {
        let book = try book("/a=100, /a/b=50, /c=1", used: ["/a": 40, "/a/b": 30])
        #expect(book.admits(Self.write("/a/x", 10), .zero))
        let verdict = book.decide(
            Self.write("/a/b/y", 60, 2), replacing: 5, arrival: .zero, isLast: false)
        guard case .refused(let refusal) = verdict else {
            Issue.record("\(verdict)")
            return
        }
        #expect(refusal.quota.directory == Self.path("/a"))
        #expect((refusal.used, refusal.reserved, refusal.needed) == (40, 10, 55))
        #expect(
            refusal.message
                == "the quota of /a has no room: 40 bytes of 100 bytes are used, 10 bytes are being "
                + "written, and this needs 55 bytes more")
        // The tighter one.
        let other = book.decide(
            Self.write("/a/b/y", 21, 2), replacing: 0, arrival: .zero, isLast: false)
        guard case .refused(let refusal) = other else {
            Issue.record("\(other)")
            return
        }
        #expect(refusal.quota.directory == Self.path("/a/b"))
    }

    @Test func overwritingCountsTheDifference() throws {
        let book = try book("/a=100", used: ["/a": 100])
        #expect(
            book.decide(Self.write("/a/b", 50), replacing: 50, arrival: .zero, isLast: false)
                == .admitted)
        #expect(
            book.decide(Self.write("/a/b", 50), replacing: 90, arrival: .zero, isLast: false)
                == .admitted)
        guard
            case .refused(let refusal) = book.decide(
                Self.write("/a/b", 51), replacing: 50, arrival: .zero, isLast: false)
        else {
            Issue.record("one byte more")
            return
        }
        #expect(refusal.needed == 1)
    }

    @Test func aMoveWithinAQuotaAddsNothing() throws {
        let book = try book("/a=100, /a/b=100", used: ["/a": 100, "/a/b": 0])
        #expect(!book.concerns(Self.write("/a/y", 60, from: "/a/x")))
        #expect(book.concerns(Self.write("/a/y", 60, from: "/c")))
        let inner = Self.write("/a/b/y", 60, from: "/a/x")
        #expect(book.concerns(inner))
        #expect(book.admits(inner, .zero))
        #expect(!book.admits(Self.write("/a/b/z", 50, 2, from: "/a/x"), .zero))
    }

    @Test func theLastAttemptDecides() throws {
        let book = try book("/a=100", used: ["/a": 70])
        let first = Self.write("/a/b", 20)
        #expect(book.admits(first, .zero))
        book.end(first.operation, isWritten: true, .zero)
        let second = Self.write("/a/c", 20, 2)
        #expect(
            book.decide(second, replacing: 0, arrival: .seconds(9), isLast: false) == .unclear)
        guard
            case .refused(let refusal) = book.decide(
                second, replacing: 0, arrival: .seconds(9), isLast: true)
        else {
            Issue.record("what may be in the sums is taken for used")
            return
        }
        #expect(refusal.used == 90)
    }

    @Test func aNewQuotaWaitsForItsSums() throws {
        let book = try book("/a=100", used: ["/a": 10])
        try book.set("/a=200")
        #expect(book.admits(Self.write("/a/b", 150), .zero))
        try book.set("/a=200, /b=5")
        #expect(!book.admits(Self.write("/b/c", 1, 2), .zero))
    }

    @Test func endsWithoutSumsAreBounded() throws {
        let book = try book("/a=1T", used: [:])
        let count = ClusterLimits.quotaSlotsMax * 4
        for number in 1...count {
            let write = Self.write("/a/b", 10, UInt64(number))
            let now = ClusterLimits.quotaSlot * 2 * number
            book.refreshed([:], asOf: .zero)
            _ = book.decide(write, replacing: 0, arrival: .zero, isLast: true)
            book.end(write.operation, isWritten: true, now)
        }
        try book.set("/a=\(10 * count)")
        guard
            case .refused(let refusal) = book.decide(
                Self.write("/a/b", 1, 0), replacing: 0, arrival: .zero, isLast: true)
        else {
            Issue.record("what was written is forgotten")
            return
        }
        #expect(refusal.used == UInt64(10 * count))
    }

    // MARK: Sums

    @Test func sumsAreOfThePartitionsThatAreCountedHere() {
        var sums = QuotaSums()
        let directory = Self.path("/a")
        let (one, two) = (Partition(number: 1), Partition(number: 65_535))
        #expect(!sums.use(of: directory) { _ in true }.isComplete)
        sums.set(directory, [(one, 10), (two, 20)], isComplete: false)
        sums.add(5, in: one, below: directory)
        sums.add(7, in: one, below: Self.path("/b"))
        #expect(
            sums.use(of: directory) { _ in true }
                == QuotaBook.Use(byteCount: 35, isComplete: false))
        sums.complete(directory)
        #expect(
            sums.use(of: directory) { $0 == one }
                == QuotaBook.Use(byteCount: 15, isComplete: true))
        sums.keep([])
        #expect(!sums.knows(directory))
    }
}
