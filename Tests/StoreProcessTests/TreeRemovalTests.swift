import IPC
import Testing

@testable import StoreProcess

/// What a deletion of a tree is answered where somebody goes on writing there.
@Suite struct TreeRemovalTests {
    private func removal(_ below: String?, relistings: Int) throws -> TreeRemoval {
        var removal = TreeRemoval(
            DeleteRequest(
                operation: .test(), path: try .test("/d"), conditions: .none, recursive: true,
                directoryOnly: false))
        if let below { removal.stack.append(TreeRemoval.Level(path: try .test(below))) }
        removal.stack[removal.stack.count - 1].relistings = relistings
        return removal
    }

    @Test func aTreeThatIsNotEmptyAtTheEndIsNotDeleted() throws {
        let max = StoreLimits.deletionRelistingsMax
        #expect(try removal(nil, relistings: max - 1).whereNotEmpty == .relist)
        #expect(try removal(nil, relistings: max).whereNotEmpty == .fail)
        // Its own directory says the rest.
        #expect(try removal("/d/e", relistings: max - 1).whereNotEmpty == .relist)
        #expect(try removal("/d/e", relistings: max).whereNotEmpty == .leave)
    }
}
