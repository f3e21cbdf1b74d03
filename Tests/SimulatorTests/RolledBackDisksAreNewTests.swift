import Testing

@testable import Simulator

@Suite struct RolledBackDisksAreNewTests {
    @Test func anOldStateOfADiskIsNotInUseUnderItsIdInTheEnd() {
        #expect(RolledBackDisksAreNew.atTheEnd([], at: 5) == nil)
        #expect(RolledBackDisksAreNew.atTheEnd([3], at: 5) != nil)
    }
}
