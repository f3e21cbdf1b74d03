import Model
import Testing

@testable import Replication

@Suite struct WriteConditionTests {
    /// Rows: nothing ever there, deleted, content 1 there, content 2 there.
    @Test func isMetByTheTableOfRFC9110() {
        let one = file(1).facts?.digest
        let two = file(2).facts?.digest
        guard let one, let two else {
            Issue.record("a file has a digest")
            return
        }
        let table: [(WriteCondition, [Bool])] = [
            (.none, [true, true, true, true]),
            (.absent, [true, true, false, false]),
            (.present, [false, false, true, true]),
            (.matches([one]), [false, false, true, false]),
            (.matches([one, two]), [false, false, true, true]),
            (.matches([]), [false, false, false, false]),
            (.differs([one]), [true, true, false, true]),
            (.differs([one, two]), [true, true, false, false]),
            (.differs([]), [true, true, true, true]),
        ]
        let newest: [RegisterVersion?] = [
            nil, version(.deleted), version(file(1)), version(file(2)),
        ]
        for (condition, expected) in table {
            #expect(newest.map { condition.isMet(by: $0) } == expected, "\(condition)")
        }
    }

    private func version(_ value: RegisterValue) -> RegisterVersion {
        RegisterVersion(
            version: Version(
                dot: dot(0, 1), time: HybridTime(value: 1),
                context: CausalContext(entries: [dot(0, 1)])),
            value: value, operation: operation(1))
    }
}
