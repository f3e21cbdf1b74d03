import Model
import Replication
import Testing

@testable import StoreProcess

/// The values that the scrub goes by.
@Suite struct ScrubTests {
    private func damage(_ path: String, _ why: String = "x", isNeeded: Bool = true) throws
        -> FoundDamage
    {
        let content = ExpectedContent(
            object: .test(1), byteCount: 1, digest: .test([1]))
        return FoundDamage(
            file: ExpectedFile(try .test(path), content), dots: [], isNeeded: isNeeded, why: why)
    }

    /// A step that found these.
    private func step(
        _ pass: inout ScrubPass, _ damage: [FoundDamage], next: ScrubPlace, now: Duration = .zero
    ) {
        for found in damage { pass.add(found, now: now) }
        pass.stepped(report(damage), next: next, now: now)
    }

    private func report(_ damage: [FoundDamage] = []) -> ScrubReport {
        var report = ScrubReport()
        report.fileCount = 10
        report.verifiedCount = 10 - min(10, UInt64(damage.count))
        report.byteCount = 100
        return report
    }

    // MARK: Passes

    @Test func aPassAddsUpItsSteps() throws {
        var pass = ScrubPass(id: 5, isRequested: true)
        let partition = Partition(number: 7)
        pass.stepped(report(), next: .partitions(after: partition), now: .zero)
        step(&pass, [try damage("/a"), try damage("/b", isNeeded: false)], next: .repairs)
        #expect(pass.summary.fileCount == 20)
        #expect(pass.summary.verifiedCount == 18)
        #expect(pass.summary.byteCount == 200)
        #expect(pass.summary.damageCount == 2)
        // What a disk may lack is fetched from nobody.
        #expect(pass.summary.quarantinedCount == 1)
        #expect(try pass.open == [.test("/a")])
        #expect(!pass.isDone)
    }

    @Test func aReaderAndAStepThatFindTheSameCountOnce() throws {
        var pass = ScrubPass(id: 5, isRequested: true)
        pass.add(try damage("/a"), now: .zero)
        step(&pass, [try damage("/a")], next: .repairs)
        #expect(pass.summary.damageCount == 1)
        #expect(pass.summary.damage.count == 1)
    }

    @Test func aPassWaitsForRepairsAndNoLonger() throws {
        var pass = ScrubPass(id: 5, isRequested: true)
        step(&pass, [try damage("/a"), try damage("/b")], next: .repairs, now: .seconds(1))
        let wait = StoreLimits.scrubRepairWait
        #expect(!pass.mayFinish(now: .seconds(1), isAlone: false))
        #expect(pass.mayFinish(now: .seconds(1), isAlone: true))
        let (a, b) = (try StorePath.test("/a"), try StorePath.test("/b"))
        pass.looked(at: [a, b], lacking: [b], now: .seconds(20))
        #expect(pass.summary.repairedCount == 1)
        #expect(pass.summary.damage.map(\.isRepaired) == [true, false])
        // It goes on as long as something moves.
        #expect(!pass.mayFinish(now: .seconds(20) + wait - .seconds(1), isAlone: false))
        #expect(pass.mayFinish(now: .seconds(20) + wait, isAlone: false))
        pass.looked(at: [b], lacking: [], now: .seconds(21))
        #expect(pass.mayFinish(now: .seconds(21), isAlone: false))
        pass.finish(at: 99)
        #expect(pass.isDone)
        #expect(pass.summary.finished == 99)
        #expect(pass.summary.quarantinedCount == 0)
    }

    @Test func beyondTheLimitsItIsCounted() throws {
        var pass = ScrubPass(id: 5, isRequested: true)
        let count = StoreLimits.scrubRepairsMax + 5
        step(&pass, try (0..<count).map { try damage("/\($0)") }, next: .repairs)
        #expect(pass.summary.damageCount == UInt64(count))
        #expect(pass.summary.damage.count == StoreLimits.scrubNamesMax)
        #expect(pass.open.count == StoreLimits.scrubRepairsMax)
        #expect(pass.summary.quarantinedCount == UInt64(count))
    }

    @Test func aPassIsReadAsItWasWritten() throws {
        var pass = ScrubPass(id: 5, isRequested: true)
        step(
            &pass, [try damage("/a", "its bytes")],
            next: .partitions(after: Partition(number: 9)))
        var found = report()
        found.addStray("objects/x")
        found.views.replaced = [try .test("/v")]
        pass.stepped(found, next: .partitions(after: Partition(number: 10)), now: .zero)
        #expect(try ScrubPass(decoding: pass.bytes) == pass)
        pass.looked(at: [try .test("/a")], lacking: [], now: .zero)
        pass.finish(at: 6)
        #expect(try ScrubPass(decoding: pass.bytes) == pass)
        for length in 0..<pass.bytes.count {
            #expect(throws: DecodeError.self) {
                try ScrubPass(decoding: Array(pass.bytes.prefix(length)))
            }
        }
    }

    /// A verdict that is older than a repair moves no good copy away.
    @Test func whatWasMarkedAMomentAgoIsNotMarkedAgain() {
        var marks = RecentMarks()
        let interval = StoreLimits.markInterval
        let marked = [
            (ObjectID.test(1), Duration.zero), (.test(1), interval - .nanoseconds(1)),
            (.test(2), .seconds(1)), (.test(1), interval),
        ].map { marks.insert($0, now: $1) }
        #expect(marked == [true, false, true, true])
        for number in 0..<UInt64(StoreLimits.recentMarksMax * 2) {
            _ = marks.insert(.test(number), now: StoreLimits.markInterval)
        }
        #expect(marks.count <= StoreLimits.recentMarksMax)
    }

    // MARK: What files are like

    @Test func aFileIsTrustedThatIsAsItWasNoted() throws {
        func stamp(_ changed: Int64, inode: UInt64 = 1) -> FileTrust.Stamp {
            FileTrust.Stamp(inode: inode, byteCount: 1 << 20, modified: 1, changed: changed)
        }
        let object = ObjectID.test(1)
        let trust = FileTrust()
        // What the row says, in a life that knows nothing.
        func trusts(_ asked: FileTrust.Stamp, saved: FileTrust.Stamp? = nil) throws -> Bool {
            try trust.trusts(object, asked) { _ in saved }
        }
        #expect(try !trusts(stamp(100)))
        #expect(try !trusts(stamp(100), saved: stamp(99)))
        #expect(try !trusts(stamp(100), saved: stamp(100, inode: 2)))
        #expect(try trusts(stamp(100), saved: stamp(100)))
        #expect(trust.takeUnsaved() == [:])
        // What was noted later counts more than the row.
        trust.note(object, stamp(500))
        #expect(try trusts(stamp(500)))
        #expect(try !trusts(stamp(501), saved: stamp(501)))
        #expect(try !trusts(stamp(500, inode: 2)))
        #expect(try !trusts(stamp(100), saved: stamp(100)))
        #expect(trust.takeUnsaved() == [object: stamp(500)])
        #expect(trust.takeUnsaved() == [:])
        trust.distrust(object)
        #expect(try !trusts(stamp(500), saved: stamp(500)))
        // Small ones are read wholly each time.
        trust.note(.test(2), .init(inode: 1, byteCount: 9, modified: 1, changed: 1))
        #expect(trust.takeUnsaved() == [:])
    }

    @Test func whatFilesAreLikeIsBounded() {
        let trust = FileTrust()
        for number in 0..<UInt64(StoreLimits.trustedFilesMax + 9) {
            trust.note(.test(number), .init(inode: 1, byteCount: 1 << 20, modified: 1, changed: 1))
        }
        #expect(trust.takeUnsaved().count <= StoreLimits.trustedFilesMax)
    }

    // MARK: Pace

    @Test func aRateIsKeptOverTime() {
        var pace = ScrubPace()
        #expect(pace.delay(after: 500, at: 1000, now: .seconds(10)) == .milliseconds(500))
        #expect(pace.delay(after: 500, at: 1000, now: .seconds(10)) == .seconds(1))
        // No credit for time in which nothing was read.
        #expect(pace.delay(after: 500, at: 1000, now: .seconds(60)) == .milliseconds(500))
    }

    @Test func clientsComeFirst() {
        let rate: UInt64 = 4 << 20
        func rateOf(_ isRequested: Bool, _ isBusy: Bool) -> UInt64? {
            ScrubPace.rate(background: rate, isRequested: isRequested, isBusy: isBusy)
        }
        #expect(rateOf(false, false) == rate)
        #expect(rateOf(false, true) == rate / StoreLimits.scrubBusyPart)
        #expect(rateOf(true, false) == nil)
        #expect(rateOf(true, true) == StoreLimits.scrubRateBesideClients)
        let control = ScrubControl()
        control.set(rate: rate)
        #expect(control.rate() == rate)
        control.serving()
        let now = ContinuousClock.now
        #expect(control.rate(now: now) == rate / StoreLimits.scrubBusyPart)
        #expect(control.rate(now: now + StoreLimits.scrubBusyTime) == rate)
    }
}
