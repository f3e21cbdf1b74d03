import Model
import Testing
import WebDAV

struct FieldTests {
    // MARK: Depth, Overwrite, Timeout

    @Test(arguments: [
        ("0", Depth.Method.propfind, Depth.zero), ("1", .propfind, .one),
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

    @Test(arguments: [
        ("bytes 0-99/100", PartialWrite.bytes(0...99)), ("bytes 5-5/*", .bytes(5...5)),
        (" Bytes 10-19/30 ", .bytes(10...19)),
    ])
    func contentRangesAreRead(field: String, expected: PartialWrite) throws {
        #expect(try PartialWrite(contentRange: utf8(field)[...]) == expected)
    }

    @Test(arguments: [
        "", "bytes", "bytes */100", "bytes 0-99", "bytes 5-4/10", "bytes 0-10/10", "bytes -5/10",
        "bytes 5-/10", "items 0-1/2", "bytes a-b/c", "bytes 0-1/x",
        "bytes 0-18446744073709551615/*", "bytes 99999999999999999999-1/*",
    ])
    func otherContentRangesAre400(field: String) {
        #expect(
            status { () throws(DAVFault) in
                _ = try PartialWrite(contentRange: utf8(field)[...])
            } == .badRequest)
    }

    @Test(arguments: [
        ("append", PartialWrite.append), ("bytes=0-9", .bytes(0...9)), ("bytes=5-", .from(5)),
        ("bytes=-5", .last(5)),
    ])
    func updateRangesAreRead(field: String, expected: PartialWrite) throws {
        #expect(try PartialWrite(updateRange: utf8(field)[...]) == expected)
    }

    @Test(arguments: ["", "prepend", "bytes=", "bytes=-", "bytes=9-0", "bytes=x", "bytes 0-1"])
    func otherUpdateRangesAre400(field: String) {
        #expect(
            status { () throws(DAVFault) in
                _ = try PartialWrite(updateRange: utf8(field)[...])
            } == .badRequest)
    }

    @Test(arguments: [
        (PartialWrite.append, 5, 10, 10..<15), (.from(3), 4, 10, 3..<7),
        (.from(10), 4, 10, 10..<14),
        (.last(3), 5, 10, 7..<12), (.last(30), 5, 10, 0..<5), (.bytes(2...4), 3, 10, 2..<5),
        (.bytes(0...9), 10, 0, 0..<10), (.append, 0, 10, 10..<10),
    ])
    func partsAreFoundInTheFile(
        write: PartialWrite, body: UInt64, file: UInt64, expected: Range<UInt64>
    ) throws {
        #expect(
            try write.resolved(bodyByteCount: body, fileByteCount: file) == expected)
    }

    @Test(
        arguments: [
            (PartialWrite.append, nil, 10, DAVStatus.lengthRequired),
            (.bytes(0...9), 9, 10, .badRequest), (.bytes(0...9), 11, 10, .badRequest),
            (.from(11), 1, 10, .rangeNotSatisfiable),
            (.bytes(11...11), 1, 10, .rangeNotSatisfiable),
            (.from(.max), 1, .max, .rangeNotSatisfiable), (.append, .max, 10, .rangeNotSatisfiable),
        ] as [(PartialWrite, UInt64?, UInt64, DAVStatus)])
    func partsThatDoNotFitAreRefused(
        write: PartialWrite, body: UInt64?, file: UInt64, expected: DAVStatus
    ) {
        #expect(
            status { () throws(DAVFault) in
                _ = try write.resolved(bodyByteCount: body, fileByteCount: file)
            } == expected)
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
