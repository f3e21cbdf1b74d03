import Model
import Testing

@testable import Replication

@Suite struct ConflictNameTests {
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test func itIsTheNameAndTheVersion() {
        let name = ConflictName(of: Array("photo.jpg".utf8), at: dot(3, 12))
        #expect(text(name.bytes) == "photo.jpg.conflict-\(disk(3).hex).12")
        #expect(!name.mayBeCut)
    }

    @Test func itIsReadBack() {
        for original in ["a", "a.conflict-", "x.conflict-\(disk(0).hex).1", "ü"] {
            for sequence in [1, 10, UInt64.max] {
                let name = ConflictName(of: Array(original.utf8), at: dot(1, sequence))
                #expect(ConflictName(parsing: name.bytes) == name)
                #expect(text(name.prefix) == original)
                #expect(name.isName(of: Array(original.utf8)))
            }
        }
    }

    @Test func otherNamesAreTheirOwn() {
        let hex = disk(1).hex
        for name in [
            "", "a", ".conflict-\(hex).1", "a.conflict-", "a.conflict-\(hex)", "a.conflict-\(hex).",
            "a.conflict-\(hex).01", "a.conflict-\(hex).+1", "a.conflict-\(hex).1 ",
            "a.conflict-\(hex.uppercased()).1", "a.conflict-\(hex).18446744073709551616",
            "a.conflict-\(hex.dropLast()).1", "a.conflict-\(hex).1.2",
        ] {
            // Where upper case changes nothing there is no letter in it.
            if name.contains(hex.uppercased()), hex == hex.uppercased() { continue }
            #expect(ConflictName(parsing: Array(name.utf8)) == nil, "\(name)")
        }
    }

    /// Of whatever length, and wherever a character would be cut.
    @Test func itIsAlwaysAComponent() throws {
        for character in ["a", "ü", "€", "😀"] {
            for sequence in [1, 123, UInt64.max] {
                for count in 1...StorePath.componentByteCountMax / character.utf8.count {
                    let original = Array(String(repeating: character, count: count).utf8)
                    let name = ConflictName(of: original, at: dot(2, sequence))
                    #expect(name.bytes.count <= StorePath.componentByteCountMax)
                    _ = try StorePath.root.appending(name.bytes)
                    #expect(ConflictName(parsing: name.bytes) == name)
                    #expect(name.isName(of: original))
                    let isCut = name.prefix != original
                    #expect(!isCut || name.mayBeCut)
                    if !isCut { continue }
                    // No more is left out than has to be.
                    #expect(
                        name.bytes.count + character.utf8.count > StorePath.componentByteCountMax)
                }
            }
        }
    }

    @Test func longNamesAreToldApartByTheVersion() {
        let start = [UInt8](repeating: 0x61, count: 240)
        let one = ConflictName(of: start + [0x31], at: dot(1, 1))
        let other = ConflictName(of: start + [0x32], at: dot(1, 2))
        #expect(one.prefix == other.prefix)
        #expect(one != other)
        #expect(one.bytes != other.bytes)
    }
}
