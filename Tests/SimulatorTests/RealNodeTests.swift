import Model
import Replication
import Testing

@testable import Simulator

/// The node's real code breaks a rule, and the checker of the promise that rests on it notices.
/// Those that need long runs are `clusterf-sim --canaries`.
@Suite struct RealNodeTests {
    /// Whether nodes answer a write at all.
    private static let isReal: Bool = {
        let result = Simulation.run(Support.options(seconds: 5))
        return result.history.records.contains { $0.written != nil }
    }()

    @Test(.enabled(if: isReal), arguments: CanaryCase.all.filter(\.isQuick))
    func aBrokenRuleIsNoticed(_ canary: CanaryCase) {
        #expect(canary.run() != nil, "\(canary.name): \(canary.checker) noticed nothing")
    }

    @Test(.enabled(if: isReal))
    func noRuleIsBrokenWithoutFaults() {
        for policy in ["available", "majority"] {
            var options = Support.options(nodes: 5, seconds: 20)
            options.policy = policy == "majority" ? .majority : .available
            let result = Simulation.run(options)
            #expect(result.violations.map(\.explanation) == [], "\(policy), seed \(options.seed)")
        }
    }
}
