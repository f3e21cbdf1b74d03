import Model
import Testing
import WebDAV

struct MultistatusTests {
    private let now: UInt64 = 1_000_000

    private let file = DAVResource(
        href: utf8("/dav/a%20b"), name: utf8("a b"), isCollection: false, byteCount: 1234,
        entityTag: utf8("\"e\""), contentType: "text/plain; a=\"<&>\"",
        created: Timestamp(nanoseconds: 784_111_777_999_999_999),
        modified: Timestamp(nanoseconds: 784_111_777_000_000_000))
    private let folder = DAVResource(
        href: utf8("/dav/d/"), name: utf8("d"), isCollection: true,
        quota: .init(availableByteCount: .max, usedByteCount: 0))

    private func answer(_ resource: DAVResource, _ request: PropfindRequest) throws -> Answer {
        var writer = MultistatusWriter(now: now)
        writer.begin()
        writer.response(resource, PropfindPlan(request))
        writer.end()
        return try Answer(writer.take())
    }

    /// A multistatus of one response, read back: what each status has.
    private struct Answer {
        var href: String
        /// By status, the elements as XML that stands for itself.
        var found: [String: [String]] = [:]
        var whole: String

        init(_ bytes: [UInt8]) throws {
            whole = text(bytes)
            let document = try XMLReader.read(bytes)
            #expect(document.isDAV(document.root, "multistatus"))
            let response = try #require(document.child("response", of: document.root))
            href = text(document.text(of: try #require(document.child("href", of: response))))
            for stat in document.children(of: response) where document.isDAV(stat, "propstat") {
                let line = document.text(of: try #require(document.child("status", of: stat)))
                let properties = try #require(document.child("prop", of: stat))
                #expect(found[text(line)] == nil, "one propstat for each status")
                found[text(line)] = document.children(of: properties).map {
                    text(document.fragment(of: $0, byteCountMax: .max) ?? [])
                        .replacing(" xmlns:D=\"DAV:\"", with: "")
                }
            }
        }

        var ok: [String]? { found["HTTP/1.1 200 OK"] }
        var missing: [String]? { found["HTTP/1.1 404 Not Found"] }
    }

    // MARK: PROPFIND

    @Test func allPropertiesOfAFile() throws {
        let answer = try answer(file, .allProperties(including: []))
        #expect(answer.href == "/dav/a%20b")
        #expect(answer.missing == nil)
        #expect(
            answer.ok == [
                "<D:creationdate>1994-11-06T08:49:37Z</D:creationdate>",
                "<D:displayname>a b</D:displayname>",
                "<D:getcontentlength>1234</D:getcontentlength>",
                "<D:getcontenttype>text/plain; a=\"&lt;&amp;&gt;\"</D:getcontenttype>",
                "<D:getetag>\"e\"</D:getetag>",
                "<D:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</D:getlastmodified>",
                "<D:lockdiscovery/>", "<D:resourcetype/>",
                "<D:supportedlock><D:lockentry><D:lockscope><D:exclusive/></D:lockscope>"
                    + "<D:locktype><D:write/></D:locktype></D:lockentry>"
                    + "<D:lockentry><D:lockscope><D:shared/></D:lockscope>"
                    + "<D:locktype><D:write/></D:locktype></D:lockentry></D:supportedlock>",
            ])
    }

    /// The quota is not in allprop (RFC 4331 section 3), what a collection has not neither.
    @Test func allPropertiesOfACollection() throws {
        let answer = try answer(folder, .allProperties(including: []))
        #expect(answer.missing == nil)
        #expect(answer.ok?.contains { $0.contains("quota") } == false)
        #expect(answer.ok?.contains { $0.contains("getcontentlength") } == false)
        #expect(
            answer.ok?.contains("<D:resourcetype><D:collection/></D:resourcetype>") == true)
    }

    @Test func quotaIsAnsweredWhereItIsAskedFor() throws {
        let names = [XMLName.dav("quota-available-bytes"), .dav("quota-used-bytes")]
        for request in [PropfindRequest.properties(names), .allProperties(including: names)] {
            #expect(PropfindPlan(request).asksForQuota)
            let answer = try answer(folder, request)
            #expect(
                answer.ok?.suffix(2) == [
                    "<D:quota-available-bytes>18446744073709551615</D:quota-available-bytes>",
                    "<D:quota-used-bytes>0</D:quota-used-bytes>",
                ])
            #expect(
                try self.answer(file, request).missing
                    == ["<D:quota-available-bytes/>", "<D:quota-used-bytes/>"])
        }
        #expect(!PropfindPlan(.allProperties(including: [])).asksForQuota)
    }

    @Test func whatIsNotThereIs404() throws {
        let request = PropfindRequest.properties([
            .dav("getetag"), .dav("quota-used-bytes"), XMLName("u:<\"&", "x"), XMLName("", "n"),
            .dav("other"), XMLName("http://www.w3.org/XML/1998/namespace", "base"),
        ])
        let answer = try answer(file, request)
        #expect(answer.ok == ["<D:getetag>\"e\"</D:getetag>"])
        #expect(
            answer.missing == [
                "<D:quota-used-bytes/>", "<N:x xmlns:N=\"u:&lt;&quot;&amp;\"/>", "<n/>",
                "<D:other/>", "<xml:base/>",
            ])
        #expect(try self.answer(file, .properties([.dav("other")])).ok == nil)
        #expect(try self.answer(file, .properties([])).ok == [])
    }

    @Test func namesHaveNoValues() throws {
        var resource = file
        resource.properties = [
            DeadProperty(name: XMLName("u", "x"), xml: utf8("<x xmlns=\"u\">1</x>"))
        ]
        let answer = try answer(resource, .names)
        #expect(answer.missing == nil)
        #expect(
            answer.ok == [
                "<D:creationdate/>", "<D:displayname/>", "<D:getcontentlength/>",
                "<D:getcontenttype/>", "<D:getetag/>", "<D:getlastmodified/>",
                "<D:lockdiscovery/>", "<D:resourcetype/>", "<D:supportedlock/>",
                "<N:x xmlns:N=\"u\"/>",
            ])
    }

    @Test func deadPropertiesAreAnsweredAsTheyAre() throws {
        let xml = "<p:x xmlns:p=\"u\" xml:lang=\"de\">a<p:b/>&amp;</p:x>"
        var resource = file
        resource.properties = [
            DeadProperty(name: XMLName("u", "x"), xml: utf8(xml)),
            DeadProperty(name: XMLName("u", "y"), xml: utf8("<y xmlns=\"u\"/>")),
        ]
        let asked = try answer(
            resource, .properties([XMLName("u", "z"), XMLName("u", "x")]))
        #expect(asked.ok == [xml])
        #expect(asked.missing == ["<N:z xmlns:N=\"u\"/>"])
        let all = try answer(resource, .allProperties(including: [XMLName("u", "x")]))
        #expect(all.ok?.suffix(2) == [xml, "<y xmlns=\"u\"/>"])
        #expect(all.missing == nil)
    }

    /// RFC 4918 section 15.2: a client may set it.
    @Test func aSetDisplayNameGoesBeforeThePaths() throws {
        var resource = file
        let xml = "<D:displayname xmlns:D=\"DAV:\">Mine</D:displayname>"
        resource.properties = [DeadProperty(name: .dav("displayname"), xml: utf8(xml))]
        for request in [
            PropfindRequest.allProperties(including: []), .properties([.dav("displayname")]),
        ] {
            let answer = try answer(resource, request)
            #expect(
                answer.ok?.filter { $0.contains("displayname") }
                    == ["<D:displayname>Mine</D:displayname>"])
            #expect(answer.missing == nil)
        }
        let names = try answer(resource, .names)
        #expect(names.ok?.filter { $0.contains("displayname") } == ["<D:displayname/>"])
    }

    /// Names may have characters that XML has no way to write.
    @Test func everyNameMakesWellFormedXML() throws {
        for code in (1..<0x100).map(UInt32.init) + [0xFFFD, 0xFFFE, 0xFFFF, 0xD7FF, 0x1F600] {
            let scalar = try #require(Unicode.Scalar(code))
            var resource = file
            resource.name = utf8("x\(scalar)y")
            let answer = try answer(resource, .properties([.dav("displayname")]))
            let document = try XMLReader.read(utf8(answer.ok?.first ?? "").replacingDAV())
            let isCarried =
                code >= 0x20 && code != 0xFFFE && code != 0xFFFF
                || [9, 10, 13].contains(code)
            #expect(
                document.text(of: document.root)
                    == utf8("x\(isCarried ? String(scalar) : "\u{FFFD}")y"), "\(code)")
        }
    }

    @Test func locksAreShown() throws {
        var resource = file
        resource.locks = [
            ActiveLock(
                token: StateToken(bits: Bits128(high: 0, low: 1)), root: path("/a b"),
                href: utf8("/dav/a%20b"), scope: .exclusive, reach: .zero,
                owner: utf8("<D:owner xmlns:D=\"DAV:\"><D:href>x</D:href></D:owner>"),
                expires: now + 1500),
            ActiveLock(
                token: StateToken(bits: Bits128(high: 0, low: 2)), root: .root,
                href: utf8("/dav/"), scope: .shared, reach: .infinity, owner: nil,
                expires: now + 1000),
        ]
        let expected = """
            <D:lockdiscovery><D:activelock><D:locktype><D:write/></D:locktype>\
            <D:lockscope><D:exclusive/></D:lockscope><D:depth>0</D:depth>\
            <D:owner><D:href>x</D:href></D:owner><D:timeout>Second-2</D:timeout>\
            <D:locktoken><D:href>urn:uuid:00000000-0000-0000-0000-000000000001</D:href>\
            </D:locktoken><D:lockroot><D:href>/dav/a%20b</D:href></D:lockroot></D:activelock>\
            <D:activelock><D:locktype><D:write/></D:locktype>\
            <D:lockscope><D:shared/></D:lockscope><D:depth>infinity</D:depth>\
            <D:timeout>Second-1</D:timeout>\
            <D:locktoken><D:href>urn:uuid:00000000-0000-0000-0000-000000000002</D:href>\
            </D:locktoken><D:lockroot><D:href>/dav/</D:href></D:lockroot></D:activelock>\
            </D:lockdiscovery>
            """
        #expect(
            try answer(resource, .properties([.dav("lockdiscovery")])).ok == [expected])
        let body = text(LockText.body(resource.locks, now: now))
        #expect(body.contains("<D:prop xmlns:D=\"DAV:\"><D:lockdiscovery>"))
        _ = try XMLReader.read(utf8(body))
    }

    // MARK: What is set comes back

    /// litmus' props: values, namespaces, and Unicode, through a PROPPATCH and a PROPFIND.
    @Test(arguments: [
        "<prop0 xmlns=\"http://example.com/neon/litmus/\">value0</prop0>",
        "<nonamespace xmlns=\"\">randomvalue</nonamespace>",
        "<high-unicode xmlns=\"http://example.com/neon/litmus/\">&#65536;</high-unicode>",
        "<t:valnspace xmlns:t=\"http://a/\"><foo xmlns=\"http://bar/\"/></t:valnspace>",
        "<t:valnspace xmlns:t=\"http://a/\"><t:foo xmlns:t=\"http://b/\">&lt;</t:foo></t:valnspace>",
        "<a xmlns=\"u\" xml:lang=\"fr\">un <b c=\"&#10;\">deux</b> trois</a>",
        "<D:a><D:b D:c=\"d\"/></D:a>",
    ])
    func propertiesSurvive(property: String) throws {
        let update = try PropertyUpdate(
            body: utf8(
                "<D:propertyupdate xmlns:D=\"DAV:\"><D:set><D:prop>\(property)</D:prop></D:set>"
                    + "</D:propertyupdate>"))
        guard case .changed(let properties) = update.applied(to: []) else {
            Issue.record("refused")
            return
        }
        var resource = file
        resource.properties = properties
        let expected = try meaning(of: "<D:r xmlns:D=\"DAV:\">\(property)</D:r>")
        for request in [
            PropfindRequest.properties(properties.map(\.name)), .allProperties(including: []),
        ] {
            var writer = MultistatusWriter(now: now)
            writer.begin()
            writer.response(resource, PropfindPlan(request))
            writer.end()
            let document = try XMLReader.read(writer.take())
            let response = try #require(document.child("response", of: document.root))
            let stat = try #require(document.child("propstat", of: response))
            let all = try #require(document.child("prop", of: stat))
            let last = try #require(document.children(of: all).last)
            #expect("{DAV:}r(\(meaning(document, last)))" == expected)
        }
    }

    // MARK: Other answers

    @Test func updatesAreAnsweredByStatus() throws {
        var writer = MultistatusWriter(now: now)
        writer.begin()
        writer.response(
            href: utf8("/a"),
            [
                .init(
                    status: .forbidden, names: [.dav("getetag")],
                    condition: .cannotModifyProtectedProperty),
                .init(status: .failedDependency, names: [XMLName("u", "x"), XMLName("", "y")]),
            ])
        writer.end()
        #expect(
            text(writer.take()) == """
                <?xml version="1.0" encoding="utf-8"?>
                <D:multistatus xmlns:D="DAV:">
                <D:response><D:href>/a</D:href><D:propstat><D:prop><D:getetag/></D:prop>\
                <D:status>HTTP/1.1 403 Forbidden</D:status><D:error>\
                <D:cannot-modify-protected-property/></D:error></D:propstat><D:propstat><D:prop>\
                <N:x xmlns:N="u"/><y/></D:prop><D:status>HTTP/1.1 424 Failed Dependency</D:status>\
                </D:propstat></D:response>
                </D:multistatus>

                """)
    }

    @Test func membersThatFailAreSaid() throws {
        let lock = ActiveLock(
            token: StateToken(bits: Bits128(high: 0, low: 1)), root: path("/a/b"),
            href: utf8("/a/b"), scope: .exclusive, reach: .zero, owner: nil, expires: now + 1)
        var writer = MultistatusWriter(now: now)
        writer.members(
            locked: [lock], { .noConflictingLock(hrefs: $0) }, dependent: utf8("/a/"))
        let body = text(writer.take())
        #expect(
            body.contains(
                """
                <D:response><D:href>/a/b</D:href><D:status>HTTP/1.1 423 Locked</D:status>\
                <D:error><D:no-conflicting-lock><D:href>/a/b</D:href></D:no-conflicting-lock>\
                </D:error></D:response>
                <D:response><D:href>/a/</D:href>\
                <D:status>HTTP/1.1 424 Failed Dependency</D:status></D:response>
                """))
        _ = try XMLReader.read(utf8(body))
    }

    @Test func errorsNameTheRule() throws {
        #expect(
            text(ErrorBody.bytes(.lockTokenSubmitted(hrefs: [utf8("/a"), utf8("/b/")]))) == """
                <?xml version="1.0" encoding="utf-8"?>
                <D:error xmlns:D="DAV:"><D:lock-token-submitted><D:href>/a</D:href>\
                <D:href>/b/</D:href></D:lock-token-submitted></D:error>

                """)
        let conditions: [DAVCondition] = [
            .noConflictingLock(hrefs: []), .lockTokenMatchesRequestURI,
            .cannotModifyProtectedProperty, .propfindFiniteDepth, .noExternalEntities,
            .preservedLiveProperties, .quotaNotExceeded, .sufficientDiskSpace,
        ]
        for condition in conditions {
            let document = try XMLReader.read(ErrorBody.bytes(condition))
            #expect(document.isDAV(document.root, "error"))
            #expect(document.child(condition.name, of: document.root) != nil)
        }
    }

    /// However it is taken, the text is the same, and never is there more than one response.
    @Test func aLongAnswerTakesNoMemory() throws {
        let plan = PropfindPlan(.allProperties(including: []))
        var whole = MultistatusWriter(now: now)
        var pieces = MultistatusWriter(now: now, capacity: 0)
        var taken: [UInt8] = []
        var longest = 0
        whole.begin()
        pieces.begin()
        for index in 0..<2000 {
            var resource = file
            resource.href = Href.member(
                utf8("file \(index)"), of: utf8("/dav/"), isCollection: false)
            resource.modified = Timestamp(nanoseconds: Int64(index) * 40_000_000_000_000)
            whole.response(resource, plan)
            pieces.response(resource, plan)
            longest = max(longest, pieces.bytes.count)
            taken += pieces.take()
        }
        whole.end()
        pieces.end()
        taken += pieces.take()
        #expect(whole.bytes == taken)
        #expect(longest < 2000)
        var limits = XMLLimits.request
        limits.byteCountMax = .max
        limits.elementCountMax = .max
        let document = try XMLReader.read(taken, limits: limits)
        #expect(document.children(of: document.root).count == 2000)
    }

    /// A day is worked out once for neighbours, and anew for the next one.
    @Test func neighboursHaveTheirOwnDates() {
        let plan = PropfindPlan(.properties([.dav("creationdate"), .dav("getlastmodified")]))
        var writer = MultistatusWriter(now: now)
        for seconds in [0, 86_399, 86_400, 0] {
            var resource = file
            resource.created = Timestamp(nanoseconds: Int64(seconds) * 1_000_000_000)
            resource.modified = resource.created
            writer.response(resource, plan)
        }
        let dates = text(writer.take()).matches(of: #/>(1970[^<]*|[^<]* GMT)</#).map(\.1)
        #expect(
            dates == [
                "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT",
                "1970-01-01T23:59:59Z", "Thu, 01 Jan 1970 23:59:59 GMT",
                "1970-01-02T00:00:00Z", "Fri, 02 Jan 1970 00:00:00 GMT",
                "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT",
            ])
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
        (-9_000_000_000, "Thu, 19 Oct 1684 08:00:00 GMT"),
    ])
    func datesAreHTTPs(seconds: Int64, expected: String) throws {
        var resource = file
        resource.modified = Timestamp(nanoseconds: seconds * 1_000_000_000 + 999)
        #expect(
            try answer(resource, .properties([.dav("getlastmodified")])).ok
                == ["<D:getlastmodified>\(expected)</D:getlastmodified>"])
    }
}

extension [UInt8] {
    /// With the namespace that was taken out for comparison.
    fileprivate func replacingDAV() -> [UInt8] {
        utf8(text(self).replacing("<D:displayname>", with: "<D:displayname xmlns:D=\"DAV:\">"))
    }
}
