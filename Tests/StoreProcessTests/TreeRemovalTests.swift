import IPC
import Model
import Testing

@testable import StoreProcess

/// What a deletion of a tree is answered where somebody goes on writing there.
@Suite struct TreeRemovalTests {
    private func removal(_ below: String?, relistings: Int) throws -> TreeRemoval {
        var removal = TreeRemoval(
            DeleteRequest(
                operation: .test(), path: try .test("/d"), conditions: .none, recursive: true,
                directoryOnly: false), now: .zero)
        if let below { removal.stack.append(TreeRemoval.Level(path: try .test(below))) }
        removal.stack[removal.stack.count - 1].relistings = relistings
        return removal
    }

    @Test func aTreeThatIsNotEmptyAtTheEndIsNotDeleted() throws {
        let max = StoreLimits.deletionRelistingsMax
        for below in [nil, "/d/e"] {
            #expect(try removal(below, relistings: max - 1).mayRelist)
            #expect(try !removal(below, relistings: max).mayRelist)
        }
    }

    /// They are asked of peers, who refuse longer names than there are.
    @Test func whatComesBeforeANameIsNoLongerThanOne() throws {
        func before(_ name: [UInt8]) throws -> [UInt8] {
            try #require(Store.nameBefore(name[...]))
        }
        for count in [1, 2, 254, 255] {
            let name = [UInt8](repeating: 0x61, count: count)
            let found = try before(name)
            #expect(found.count <= StorePath.componentByteCountMax)
            #expect(found.lexicographicallyPrecedes(name))
            // Nothing that is a name lies between.
            let nearest =
                name[..<(count - 1)] + [0x60] + (count < 255 ? Array("\u{10FFFF}".utf8) : [])
            #expect(nearest.lexicographicallyPrecedes(found) || nearest.elementsEqual(found))
        }
    }
}
