import Model
import Testing
import WebDAV

struct FieldTests {
    // MARK: Depth, Overwrite, Timeout

    @Test(arguments: [
        ("0", Depth.Method.propfind, Depth.zero), ("1", .propfind, .one),
        ("1,noroot", .propfind, .one), ("infinity, NoRoot", .propfind, .infinity),
        ("infinity", .propfind, .infinity), (" Infinity ", .propfind, .infinity),
        ("0", .lock, .zero), ("infinity", .lock, .infinity), ("0", .copy, .zero),
        ("infinity", .move, .infinity), ("infinity", .delete, .infinity),
    ])
    func depthsAreRead(field: String, method: Depth.Method, expected: Depth) throws {
        #expect(try Depth(field: utf8(field)[...], of: method) == expected)
    }

    /// Windows and Finder leave it out of LOCK.
    @Test(arguments: [Depth.Method.propfind, .lock, .copy, .move, .delete])
    func noDepthIsInfinity(method: Depth.Method) throws {
        #expect(try Depth(field: nil, of: method) == .infinity)
    }

    @Test(arguments: [
        ("1", Depth.Method.lock), ("1", .copy), ("0", .move), ("1", .delete), ("2", .propfind),
        ("0,noroot", .propfind), ("1,root", .propfind), ("infinity,noroot", .copy),
        ("", .propfind), ("0,1", .propfind), ("infinit", .propfind),
    ])
    func otherDepthsAre400(field: String, method: Depth.Method) {
        #expect(
            status { () throws(DAVFault) in _ = try Depth(field: utf8(field)[...], of: method) }
                == .badRequest)
    }

    @Test func anInfiniteListingIsRefusedWithItsRule() {
        #expect(DAVFault.infiniteDepth.status == .forbidden)
        #expect(DAVFault.infiniteDepth.condition == .propfindFiniteDepth)
        #expect(DAVFault.infiniteDepth.message.contains("10000"))
    }

    @Test func overwriteIsTOrF() throws {
        #expect(try Overwrite.isAllowed(field: nil))
        #expect(try Overwrite.isAllowed(field: utf8("T")[...]))
        #expect(try !Overwrite.isAllowed(field: utf8("f")[...]))
        #expect(
            status { () throws(DAVFault) in _ = try Overwrite.isAllowed(field: utf8("no")[...]) }
                == .badRequest)
    }

    @Test(arguments: [
        ("Second-60", 60), ("second-1", 1), ("Second-0", 1), ("Infinite", 3600),
        ("Infinite, Second-4100000000", 3600), ("Second-4100000000", 3600),
        ("Second-99999999999999999999999999", 3600), ("Extend, Second-30", 30),
        ("Second-, Second-x, Second-5", 5), ("", 600), ("nonsense", 600), (",,,,", 600),
        (String(repeating: "x,", count: 20) + "Second-5", 600),
    ])
    func timeoutsAreWishes(field: String, expected: UInt32) {
        #expect(LockTimeout.granted(field: utf8(field)[...]) == expected)
    }

    @Test func noTimeoutIsTheDefault() {
        #expect(LockTimeout.granted(field: nil) == WebDAVLimits.lockSecondsDefault)
    }

    // MARK: Tokens

    private let bits = Bits128(high: 0xF81D_4FAE_7DEC_11D0, low: 0xA765_00A0_C91E_6BF6)
    private let uri = "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"

    @Test func tokensAreURIs() throws {
        #expect(text(StateToken(bits: bits).uri) == uri)
        #expect(StateToken(uri: utf8(uri)[...])?.bits == bits)
        #expect(StateToken(uri: utf8(uri.uppercased())[...])?.bits == bits)
        #expect(
            StateToken(uri: utf8("opaquelocktoken:f81d4fae-7dec-11d0-a765-00a0c91e6bf6")[...])?.bits
                == bits)
        #expect(
            try StateToken(lockTokenField: utf8(" <\(uri)> ")[...]) == StateToken(bits: bits))
        #expect(text(StateToken(bits: bits).codedURL) == "<\(uri)>")
    }

    @Test(arguments: [
        "DAV:no-lock", "", "urn:uuid:", "urn:uuid:f81d4fae7dec11d0a76500a0c91e6bf6",
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6x",
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf",
    ])
    func otherURIsAreNoTokens(uri: String) {
        #expect(StateToken(uri: utf8(uri)[...]) == nil)
    }

    @Test func badLockTokensAreRefused() {
        func status(_ field: String?) -> DAVStatus? {
            WebDAVTests.status { () throws(DAVFault) in
                _ = try StateToken(lockTokenField: field.map { utf8($0)[...] })
            }
        }
        #expect(status(nil) == .badRequest)
        #expect(status("") == .badRequest)
        #expect(status(uri) == .badRequest)
        #expect(status("<>") == .badRequest)
        // Well-formed and unknown.
        #expect(status("<opaquelocktoken:foobar>") == .conflict)
        #expect(status("<DAV:no-lock>") == .conflict)
    }

    // MARK: Parts of files

    private func put(_ field: String, _ byteCount: UInt64?) throws(DAVFault) -> PartialWrite {
        try PartialWrite(contentRange: utf8(field)[...], bodyByteCount: byteCount)
    }

    private func patch(_ field: String, _ byteCount: UInt64?) throws(DAVFault) -> PartialWrite {
        try PartialWrite(updateRange: utf8(field)[...], bodyByteCount: byteCount)
    }

    @Test(arguments: [("bytes 0-99/100", 0), ("bytes 5-104/*", 5), (" Bytes 10-109/300 ", 10)])
    func contentRangesAreRead(field: String, start: UInt64) throws {
        #expect(try put(field, 100) == PartialWrite(.offset(start), byteCount: 100))
    }

    @Test(arguments: [
        "", "bytes", "bytes */100", "bytes 0-99", "bytes 5-4/10", "bytes 0-10/10", "bytes -5/10",
        "bytes 5-/10", "items 0-1/2", "bytes a-b/c", "bytes 0-1/x",
        "bytes 0-18446744073709551615/*", "bytes 99999999999999999999-1/*",
    ])
    func otherContentRangesAre400(field: String) {
        #expect(status { () throws(DAVFault) in _ = try put(field, 2) } == .badRequest)
    }

    @Test(arguments: [
        ("append", PartialWrite.Place.end), ("APPEND", .end), ("bytes=0-9", .offset(0)),
        ("bytes=5-", .offset(5)), (" Bytes=-5 ", .beforeEnd(5)),
    ])
    func updateRangesAreRead(field: String, place: PartialWrite.Place) throws {
        #expect(try patch(field, 10) == PartialWrite(place, byteCount: 10))
    }

    @Test(arguments: [
        "", "prepend", "bytes=", "bytes=-", "bytes=x", "bytes 0-1", "bytes=0-1,4-5", "bytes=--1",
    ])
    func otherUpdateRangesAre400(field: String) {
        #expect(status { () throws(DAVFault) in _ = try patch(field, 2) } == .badRequest)
        #expect(
            status { () throws(DAVFault) in
                _ = try PartialWrite(updateRange: nil, bodyByteCount: 2)
            } == .badRequest)
    }

    /// SabreDAV's documents say 416 of a PATCH; a PUT's own header is wrong.
    @Test func aRangeIsAsLongAsTheBody() {
        for byteCount in [0, 9, 11] as [UInt64] {
            #expect(
                status { () throws(DAVFault) in _ = try put("bytes 0-9/*", byteCount) }
                    == .badRequest)
            #expect(
                status { () throws(DAVFault) in _ = try patch("bytes=0-9", byteCount) }
                    == .rangeNotSatisfiable)
        }
        #expect(
            status { () throws(DAVFault) in _ = try patch("bytes=9-0", 10) }
                == .rangeNotSatisfiable)
    }

    @Test func withoutALengthAPartIs411() {
        #expect(
            status { () throws(DAVFault) in _ = try put("bytes 0-9/*", nil) } == .lengthRequired)
        for field in ["append", "bytes=0-9", "bytes=5-", "bytes=-5"] {
            #expect(status { () throws(DAVFault) in _ = try patch(field, nil) } == .lengthRequired)
        }
    }

    private struct Written: Sendable {
        var place: PartialWrite.Place
        var body: UInt64
        var file: UInt64
        var range: Range<UInt64>
    }

    /// Among them the table in SabreDAV's documents: a file of ten bytes, a body of four.
    @Test func partsAreFoundInTheFile() throws {
        let cases = [
            Written(place: .offset(0), body: 4, file: 10, range: 0..<4),
            Written(place: .offset(1), body: 4, file: 10, range: 1..<5),
            Written(place: .offset(2), body: 4, file: 10, range: 2..<6),
            Written(place: .beforeEnd(4), body: 4, file: 10, range: 6..<10),
            Written(place: .beforeEnd(2), body: 4, file: 10, range: 8..<12),
            Written(place: .offset(12), body: 4, file: 10, range: 12..<16),
            Written(place: .end, body: 4, file: 10, range: 10..<14),
            Written(place: .beforeEnd(30), body: 5, file: 10, range: 0..<5),
            Written(place: .offset(0), body: 10, file: 0, range: 0..<10),
            Written(place: .end, body: 0, file: 10, range: 10..<10),
            Written(place: .offset(30), body: 0, file: 10, range: 10..<10),
            Written(place: .offset(3), body: 0, file: 10, range: 3..<3),
        ]
        for written in cases {
            let write = PartialWrite(written.place, byteCount: written.body)
            #expect(try write.range(fileByteCount: written.file) == written.range, "\(written)")
        }
    }

    @Test func whatEndsBeyondAllFilesIs416() {
        for write in [
            PartialWrite(.offset(.max), byteCount: 1), PartialWrite(.end, byteCount: .max),
        ] {
            #expect(
                status { () throws(DAVFault) in _ = try write.range(fileByteCount: 10) }
                    == .rangeNotSatisfiable)
        }
    }

    @Test func patchesHaveTheirMediaType() {
        #expect(
            PartialWrite.isPatch(contentType: utf8("application/x-sabredav-partialupdate")[...]))
        #expect(
            PartialWrite.isPatch(
                contentType: utf8("Application/X-SabreDAV-PartialUpdate ; a=b")[...]))
        #expect(!PartialWrite.isPatch(contentType: utf8("text/plain")[...]))
        #expect(!PartialWrite.isPatch(contentType: nil))
    }
}
