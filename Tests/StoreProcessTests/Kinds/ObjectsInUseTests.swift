import Model
import Testing

@testable import StoreProcess

/// What is read in windows stays until its readers have it, and no longer.
@Suite struct ObjectsInUseTests {
    private let uses = ObjectsInUse()
    private let object = ObjectID.test(1)
    private let start = ContinuousClock.now

    @Test func anObjectIsFreeOnceItsReaderHasTheEnd() {
        uses.begin(object, now: start)
        uses.took(object, isLast: false, now: start)
        #expect(uses.contains(object, now: start))
        uses.took(object, isLast: true, now: start)
        #expect(!uses.contains(object, now: start))
    }

    @Test func theEndOfOneReaderIsNotThatOfAnother() {
        uses.begin(object, now: start)
        uses.begin(object, now: start)
        uses.took(object, isLast: true, now: start)
        #expect(uses.contains(object, now: start))
        uses.took(object, isLast: false, now: start)
        uses.took(object, isLast: true, now: start)
        #expect(!uses.contains(object, now: start))
    }

    @Test func aReaderThatStopsIsWaitedForSoLong() {
        uses.begin(object, now: start)
        uses.took(object, isLast: false, now: start + .seconds(30))
        #expect(uses.contains(object, now: start + .seconds(89)))
        #expect(!uses.contains(object, now: start + .seconds(91)))
    }

    @Test func aReaderOfAnEarlierLifeCounts() {
        uses.took(object, isLast: false, now: start)
        #expect(uses.contains(object, now: start))
        uses.took(object, isLast: true, now: start)
        #expect(!uses.contains(object, now: start))
    }

    @Test func beyondTheLimitThoseThatStoppedMakeRoom() {
        for number in 0..<UInt64(StoreLimits.objectsInUseMax) {
            uses.begin(.test(number + 10), now: start)
        }
        uses.begin(object, now: start)
        #expect(!uses.contains(object, now: start))
        uses.begin(object, now: start + .seconds(61))
        #expect(uses.contains(object, now: start + .seconds(61)))
    }
}
