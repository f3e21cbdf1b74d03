import Model
import Testing
import WebDAV

struct TreeExtentTests {
    @Test func aTreeFitsWhereItsLongestPathDoes() {
        var extent = TreeExtent(of: path("/a"))
        extent.add(utf8("b"), in: path("/a"), byteCount: 0)
        extent.add(utf8("cc"), in: path("/a/b"), byteCount: 1)
        func status(_ count: Int) -> DAVStatus? {
            // Names of 15 bytes, and a last one that makes it `count`.
            var target = String(repeating: "/nnnnnnnnnnnnnnn", count: count / 16 - 1)
            target += "/" + String(repeating: "n", count: count - target.utf8.count - 1)
            return WebDAVTests.status { () throws(DAVFault) in
                try extent.checkPaths(at: path(target))
            }
        }
        let behind = "/b/cc".utf8.count
        #expect(status(StorePath.byteCountMax - behind) == nil)
        #expect(status(StorePath.byteCountMax - behind + 1) == .badRequest)
    }

    @Test func aTreeNeedsTheRoomOfAllItsFiles() {
        var extent = TreeExtent(of: path("/"))
        extent.add(utf8("a"), in: path("/"), byteCount: 10)
        extent.add(utf8("b"), in: path("/"), byteCount: 5)
        func condition(_ left: UInt64, _ freed: UInt64) -> DAVCondition? {
            WebDAVTests.condition { () throws(DAVFault) in
                try extent.checkRoom(left: left, freed: freed)
            }
        }
        #expect(condition(15, 0) == nil)
        #expect(condition(5, 10) == nil)
        #expect(condition(.max, .max) == nil)
        #expect(condition(4, 10) == .quotaNotExceeded)
    }

    @Test func aFileIsItsOwnTree() {
        var extent = TreeExtent(of: path("/f"))
        extent.add(nil, in: path("/f"), byteCount: 7)
        #expect(extent.byteCount == 7)
        extent.add(nil, in: path("/f"), byteCount: .max)
        #expect(extent.byteCount == .max)
    }
}
