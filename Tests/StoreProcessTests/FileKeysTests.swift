import IPC
import Model
import Testing

@testable import StoreProcess

/// Keys of files' registers: what is below what, and where a walk goes on.
@Suite struct FileKeysTests {
    private static func bytes(_ text: String) -> [UInt8] { [UInt8](text.utf8) }

    @Test func aKeyIsItsPartitionAndItsPath() throws {
        let path = try StorePath(validating: Self.bytes("/a/b"))
        let key = FileKeys.key(path, in: Partition(number: 42))
        #expect(String(decoding: key, as: UTF8.self) == "files/p00042/a/b")
        let parsed = try #require(FileKeys.parse(key))
        #expect(parsed.partition == Partition(number: 42))
        #expect(parsed.rest.elementsEqual(Self.bytes("a/b")))
    }

    @Test(arguments: [
        "", "files/", "files/p", "files/p42/", "files/p00042", "files/p99999/a", "files/x00042/a",
        "files/p0+042/a", "nodes/p00042/a",
    ])
    func whatIsNoKeyIsNone(text: String) { #expect(FileKeys.parse(Self.bytes(text)) == nil) }

    @Test func aWalkGoesOnBehindAnyKey() {
        func place(_ text: String) -> String? {
            FileKeys.place(behind: Self.bytes(text)).map {
                "\($0.partition.number) \(String(decoding: $0.path, as: UTF8.self))"
            }
        }
        #expect(place("") == "0 ")
        #expect(place("cluster/id") == "0 ")
        #expect(place("files/") == "0 ")
        #expect(place("files/p00007/") == "7 ")
        #expect(place("files/p00007/a/b") == "7 /a/b")
        #expect(place("nodes/n1") == nil)
    }

    @Test func whatGoesOnIsAGroup() {
        let keys = ["s/a", "s/b/1", "s/b/2", "s/b/3/x", "s/c", "t/d"].map {
            (key: Self.bytes($0), isDeleted: $0 == "s/c")
        }
        let items = FileKeys.children(of: Self.bytes("s/"), among: keys)
        #expect(items.map { String(decoding: $0.key, as: UTF8.self) } == ["s/a", "s/b/", "s/c"])
        #expect(items.map(\.isDirectory) == [false, true, false])
        #expect(items.map(\.count) == [0, 3, 0])
        #expect(items.map(\.isDeleted) == [false, false, true])
    }

    @Test(arguments: [
        ("abc", "b", true), ("abc", "abc", true), ("abc", "abcd", false), ("", "", true),
    ])
    func occurrence(key: String, text: String, occurs: Bool) {
        #expect(FileKeys.contains(Self.bytes(key), Self.bytes(text)) == occurs)
    }
}
