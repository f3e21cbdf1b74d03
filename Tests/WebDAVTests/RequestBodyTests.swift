import Testing
import WebDAV

struct RequestBodyTests {
    private func propfind(_ body: String) throws -> PropfindRequest {
        try PropfindRequest(body: utf8(body))
    }

    // MARK: PROPFIND

    @Test func noBodyAsksForAllProperties() throws {
        #expect(try propfind("") == .allProperties(including: []))
    }

    @Test(arguments: [
        ("<D:allprop/>", PropfindRequest.allProperties(including: [])),
        ("<D:propname/>", .names),
        ("<D:prop/>", .properties([])),
        (
            "<D:prop><D:getetag/><x xmlns='u'/><x xmlns=''/><D:getetag/></D:prop>",
            .properties([.dav("getetag"), XMLName("u", "x"), XMLName("", "x")])
        ),
        (
            "<D:allprop/><D:include><D:quota-used-bytes/></D:include>",
            .allProperties(including: [.dav("quota-used-bytes")])
        ),
        (
            "<D:include><D:a/></D:include><D:allprop/>",
            .allProperties(including: [.dav("a")])
        ),
        // What is not known is skipped (RFC 4918 section 17; litmus: propextended).
        ("<foobar/><D:allprop/><D:foobar x='1'>y</D:foobar>", .allProperties(including: [])),
        ("text <D:propname/> text", .names),
    ])
    func propfindsAreRead(children: String, expected: PropfindRequest) throws {
        #expect(
            try propfind("<D:propfind xmlns:D=\"DAV:\">\(children)</D:propfind>") == expected)
    }

    @Test(arguments: [
        // litmus: propfind_invalid, propfind_invalid2.
        "<foo>",
        "<D:propfind xmlns:D=\"DAV:\"><D:prop><bar:foo xmlns:bar=\"\"/></D:prop></D:propfind>",
        "<D:propfind xmlns:D=\"DAV:\"/>",
        "<D:propfind xmlns:D=\"DAV:\"><D:allprop/><D:propname/></D:propfind>",
        "<D:propfind xmlns:D=\"DAV:\"><D:prop/><D:prop/></D:propfind>",
        "<D:propfind xmlns:D=\"DAV:\"><D:propname/><D:include><D:a/></D:include></D:propfind>",
        "<propfind><allprop/></propfind>",
        "<D:propertyupdate xmlns:D=\"DAV:\"/>",
    ])
    func badPropfindsAre400(body: String) {
        let status = status { () throws(DAVFault) in _ = try PropfindRequest(body: utf8(body)) }
        #expect(status == .badRequest)
    }

    @Test func askedPropertiesAreCounted() {
        func body(_ count: Int) -> [UInt8] {
            utf8(
                "<propfind xmlns=\"DAV:\"><prop>" + (0..<count).map { "<p\($0)/>" }.joined()
                    + "</prop></propfind>")
        }
        let most = WebDAVLimits.propertiesAskedMax
        #expect(status { () throws(DAVFault) in _ = try PropfindRequest(body: body(most)) } == nil)
        #expect(
            status { () throws(DAVFault) in _ = try PropfindRequest(body: body(most + 1)) }
                == .contentTooLarge)
    }

    @Test func askedPropertiesOfAllElementsAreCountedTogether() {
        func status(includes: Int, of each: Int) -> DAVStatus? {
            let elements = (0..<includes).map { number in
                "<include>" + (0..<each).map { "<p\(number * each + $0)/>" }.joined()
                    + "</include>"
            }
            let body = "<propfind xmlns=\"DAV:\"><allprop/>\(elements.joined())</propfind>"
            return WebDAVTests.status { () throws(DAVFault) in
                _ = try PropfindRequest(body: utf8(body))
            }
        }
        #expect(status(includes: 2, of: WebDAVLimits.propertiesAskedMax / 2) == nil)
        #expect(
            status(includes: 3, of: WebDAVLimits.propertiesAskedMax / 2) == .contentTooLarge)
    }

    /// Each is answered with its namespace for every resource that lacks it.
    @Test func theBytesOfAskedNamesAreBounded() {
        func status(_ count: Int) -> DAVStatus? {
            let namespace = String(repeating: "n", count: WebDAVLimits.namespaceByteCountMax)
            let names = (0..<count).map { "<p\($0)/>" }.joined()
            let prop = "<D:prop xmlns=\"\(namespace)\">\(names)</D:prop>"
            return WebDAVTests.status { () throws(DAVFault) in
                _ = try PropfindRequest(
                    body: utf8("<D:propfind xmlns:D=\"DAV:\">\(prop)</D:propfind>"))
            }
        }
        let most =
            WebDAVLimits.propertiesAskedByteCountMax / (WebDAVLimits.namespaceByteCountMax + 32)
        #expect(status(most) == nil)
        #expect(status(most + 2) == .contentTooLarge)
    }

    // MARK: PROPPATCH

    private func update(_ steps: String) throws -> PropertyUpdate {
        try PropertyUpdate(
            body: utf8("<D:propertyupdate xmlns:D=\"DAV:\">\(steps)</D:propertyupdate>"))
    }

    @Test func changesKeepTheirOrder() throws {
        let update = try update(
            """
            <D:remove><D:prop><a xmlns='u'/></D:prop></D:remove><D:other/>
            <D:set><D:prop><a xmlns='u'>1</a><b xmlns='u'/></D:prop></D:set>
            <D:remove><D:prop><b xmlns='u'>ignored</b></D:prop></D:remove>
            """)
        #expect(
            update.changes == [
                .remove(XMLName("u", "a")),
                .set(.init(name: XMLName("u", "a"), xml: utf8("<a xmlns=\"u\">1</a>"))),
                .set(.init(name: XMLName("u", "b"), xml: utf8("<b xmlns=\"u\"/>"))),
                .remove(XMLName("u", "b")),
            ])
    }

    @Test(arguments: ["", "<D:set/>", "<D:set><D:prop/></D:set>", "<D:prop><a/></D:prop>"])
    func updatesOfNothingAre400(steps: String) {
        #expect(
            status { () throws(DAVFault) in
                _ = try PropertyUpdate(
                    body: utf8(
                        "<D:propertyupdate xmlns:D=\"DAV:\">\(steps)</D:propertyupdate>"))
            } == .badRequest)
        #expect(
            status { () throws(DAVFault) in _ = try PropertyUpdate(body: []) } == .badRequest)
    }

    private func dead(_ name: String, _ value: String = "") -> DeadProperty {
        DeadProperty(
            name: XMLName("u", name), xml: utf8("<\(name) xmlns=\"u\">\(value)</\(name)>"))
    }

    @Test func allChangesAreDoneInOrder() throws {
        let update = PropertyUpdate(changes: [
            .set(dead("a", "1")), .remove(XMLName("u", "a")), .remove(XMLName("u", "b")),
            .set(dead("b", "2")), .set(dead("c", "1")), .set(dead("c", "2")),
            .remove(XMLName("u", "never")),
        ])
        #expect(
            update.applied(to: [dead("a"), dead("b"), dead("z")])
                == .changed([dead("z"), dead("b", "2"), dead("c", "2")]))
        #expect(
            update.results(.ok) == [
                PropertyResult(
                    status: .ok,
                    names: ["a", "b", "c", "never"].map { XMLName("u", $0) })
            ])
    }

    @Test(arguments: LiveProperty.allCases)
    func protectedPropertiesFailTheWholeUpdate(property: LiveProperty) {
        let update = PropertyUpdate(changes: [
            .set(dead("a")), .remove(property.name), .set(dead("b")),
        ])
        let outcome = update.applied(to: [])
        if property == .displayName {
            #expect(outcome == .changed([dead("a"), dead("b")]))
        } else {
            #expect(
                outcome
                    == .refused([
                        PropertyResult(
                            status: .forbidden, names: [property.name],
                            condition: .cannotModifyProtectedProperty),
                        PropertyResult(
                            status: .failedDependency,
                            names: [XMLName("u", "a"), XMLName("u", "b")]),
                    ]))
        }
    }

    @Test(arguments: [
        "Win32CreationTime", "Win32LastModifiedTime", "Win32LastAccessTime",
        "Win32FileAttributes",
    ])
    func windowsPropertiesAreKept(name: String) throws {
        let update = try update(
            """
            <D:set><D:prop><Z:\(name) xmlns:Z="urn:schemas-microsoft-com:">x</Z:\(name)>\
            </D:prop></D:set>
            """)
        guard case .changed(let properties) = update.applied(to: []) else {
            Issue.record("refused")
            return
        }
        #expect(properties.map(\.name) == [XMLName("urn:schemas-microsoft-com:", name)])
    }

    @Test func tooManyPropertiesAre507() {
        let full = (0..<WebDAVLimits.propertiesMax).map { dead("p\($0)") }
        let more = PropertyUpdate(changes: [.set(dead("new")), .remove(XMLName("u", "none"))])
        #expect(
            more.applied(to: full)
                == .refused([
                    PropertyResult(status: .insufficientStorage, names: [XMLName("u", "new")]),
                    PropertyResult(status: .failedDependency, names: [XMLName("u", "none")]),
                ]))
        let replaced = PropertyUpdate(changes: [.set(dead("p0", "x"))])
        #expect(replaced.applied(to: full) != more.applied(to: full))
        let large = dead("large", String(repeating: "x", count: 40 << 10))
        let again = PropertyUpdate(changes: [
            .set(.init(name: XMLName("u", "too"), xml: large.xml))
        ])
        guard case .refused(let results) = again.applied(to: [large]) else {
            Issue.record("80 KiB were taken")
            return
        }
        #expect(results.map(\.status) == [.insufficientStorage])
    }

    // MARK: LOCK

    private func lock(_ body: String) throws -> LockBody {
        try LockBody(body: utf8("<D:lockinfo xmlns:D=\"DAV:\">\(body)</D:lockinfo>"))
    }

    @Test func locksAreRead() throws {
        #expect(try LockBody(body: []) == .refresh)
        let type = "<D:locktype><D:write/></D:locktype>"
        #expect(
            try lock("<D:lockscope><D:exclusive/></D:lockscope>\(type)")
                == .new(.exclusive, owner: nil))
        #expect(
            try lock(
                "\(type)<D:lockscope><D:shared/></D:lockscope>"
                    + "<D:owner>a <D:href>mailto:x</D:href></D:owner>")
                == .new(
                    .shared,
                    owner: utf8(
                        "<D:owner xmlns:D=\"DAV:\">a <D:href>mailto:x</D:href></D:owner>")))
    }

    @Test(arguments: [
        "", "<D:lockscope><D:exclusive/></D:lockscope>", "<D:locktype><D:write/></D:locktype>",
        "<D:lockscope/><D:locktype><D:write/></D:locktype>",
        "<D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:read/></D:locktype>",
        "<D:lockscope><D:exclusive/><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype>",
    ])
    func meaninglessLocksAre422(body: String) {
        #expect(
            status { () throws(DAVFault) in
                _ = try LockBody(
                    body: utf8("<D:lockinfo xmlns:D=\"DAV:\">\(body)</D:lockinfo>"))
            } == .unprocessable)
    }

    @Test func ownersAreLimited() {
        let owner = String(repeating: "o", count: WebDAVLimits.lockOwnerByteCountMax)
        let body =
            "<lockinfo xmlns=\"DAV:\"><lockscope><shared/></lockscope><locktype><write/></locktype>"
            + "<owner>\(owner)</owner></lockinfo>"
        #expect(
            status { () throws(DAVFault) in _ = try LockBody(body: utf8(body)) }
                == .contentTooLarge)
    }
}
