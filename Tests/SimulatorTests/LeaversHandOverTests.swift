import Testing

@testable import Simulator

@Suite struct LeaversHandOverTests {
    @Test func whoSaysThatItMayBeStoppedHasNothingAndIsNoMember() {
        #expect(LeaversHandOver.mayStop(1, partitionCount: 0, isMember: false, at: 5) == nil)
        #expect(LeaversHandOver.mayStop(1, partitionCount: 3, isMember: false, at: 5) != nil)
        #expect(LeaversHandOver.mayStop(1, partitionCount: 0, isMember: true, at: 5) != nil)
    }

    @Test func whoWasAskedToLeaveSaysSoInTheEnd() {
        #expect(LeaversHandOver.atTheEnd([], at: 5) == nil)
        #expect(LeaversHandOver.atTheEnd([2], at: 5) != nil)
    }
}
