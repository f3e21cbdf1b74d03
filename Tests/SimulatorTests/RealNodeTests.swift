import Cluster
import Model
import Replication
import Testing

@testable import Simulator

/// The node's real code breaks a rule, and the checker of the promise that rests on it notices.
/// Those that need long runs are `clusterf-sim --canaries`.
@Suite struct RealNodeTests {
    @Test(arguments: CanaryCase.all.filter(\.isQuick))
    func aBrokenRuleIsNoticed(_ canary: CanaryCase) {
        #expect(canary.run() != nil, "\(canary.name): \(canary.checker) noticed nothing")
    }

    @Test func everyCheckerHasARuleThatBreaksItsPromise() {
        #expect(Set(CanaryCase.all.map(\.checker)) == Set(Checkers.names))
        for canary in CanaryCase.all {
            #expect(Canaries(name: canary.name) != nil, "\(canary.name) breaks nothing")
        }
    }

    @Test func noRuleIsBrokenWithoutFaults() {
        for policy in ["available", "majority"] {
            var options = Support.options(nodes: 5, seconds: 20)
            options.policy = policy == "majority" ? .majority : .available
            let result = Simulation.run(options)
            #expect(result.violations.map(\.explanation) == [], "\(policy), seed \(options.seed)")
        }
    }
}
