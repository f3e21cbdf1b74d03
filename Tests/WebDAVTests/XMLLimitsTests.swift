import Testing
import WebDAV

/// What is too much is refused before it costs anything.
struct XMLLimitsTests {
    private func status(of xml: String) -> DAVStatus? {
        WebDAVTests.status { () throws(DAVFault) in _ = try PropertyUpdate(body: utf8(xml)) }
    }

    @Test func documentTypesAreRefusedWhateverTheyDeclare() {
        let bomb =
            "<!DOCTYPE lolz [<!ENTITY lol \"lol\">"
            + (1...9).map { "<!ENTITY lol\($0) \"&lol;&lol;&lol;&lol;&lol;&lol;&lol;\">" }.joined()
            + "]><propfind xmlns=\"DAV:\">&lol9;</propfind>"
        #expect(reason(utf8(bomb)) == .documentType)
        #expect(status(of: bomb) == .badRequest)
        let external =
            "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>"
        #expect(reason(utf8(external)) == .externalEntity)
        let fault = condition { () throws(DAVFault) in
            _ = try PropfindRequest(body: utf8(external))
        }
        #expect(fault == .noExternalEntities)
        #expect(status(of: external) == .forbidden)
        #expect(reason(utf8("<!DOCTYPE a PUBLIC 'x' 'y'><a/>")) == .externalEntity)
    }

    @Test(arguments: [64, 65, 10_000])
    func nestingIsLimited(depth: Int) {
        let xml =
            String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)
        #expect(reason(utf8(xml)) == (depth <= 64 ? nil : .tooDeep))
        if depth > 64 { #expect(status(of: xml) == .contentTooLarge) }
    }

    @Test func elementsAreCounted() {
        func document(_ count: Int) -> [UInt8] {
            utf8("<a>" + String(repeating: "<b/>", count: count - 1) + "</a>")
        }
        #expect(reason(document(WebDAVLimits.elementCountMax)) == nil)
        #expect(reason(document(WebDAVLimits.elementCountMax + 1)) == .tooManyElements)
    }

    @Test func attributesAreCounted() {
        func document(_ count: Int) -> [UInt8] {
            utf8("<a " + (0..<count).map { "b\($0)=''" }.joined(separator: " ") + "/>")
        }
        #expect(reason(document(WebDAVLimits.attributesPerElementMax)) == nil)
        #expect(
            reason(document(WebDAVLimits.attributesPerElementMax + 1)) == .tooManyAttributes)
    }

    @Test func namespacesInScopeAreCounted() {
        func document(_ depth: Int) -> [UInt8] {
            let bindings = (0..<43).map { "xmlns:p\($0)='u'" }.joined(separator: " ")
            return utf8(
                String(repeating: "<a \(bindings)>", count: depth)
                    + String(repeating: "</a>", count: depth))
        }
        #expect(reason(document(2)) == nil)
        #expect(reason(document(3)) == .tooManyNamespaces)
        // Those of siblings do not count together.
        let one = "<a xmlns:p='u' xmlns:q='u'/>"
        #expect(reason(utf8("<r>" + String(repeating: one, count: 500) + "</r>")) == nil)
    }

    @Test func namesAreLimited() {
        let long = String(repeating: "n", count: WebDAVLimits.nameByteCountMax)
        #expect(reason(utf8("<\(long)/>")) == nil)
        #expect(reason(utf8("<\(long)n/>")) == .nameTooLong)
        #expect(reason(utf8("<a \(long)n=''/>")) == .nameTooLong)
        let namespace = String(repeating: "n", count: WebDAVLimits.namespaceByteCountMax)
        #expect(reason(utf8("<a xmlns='\(namespace)'/>")) == nil)
        #expect(reason(utf8("<a xmlns='\(namespace)n'/>")) == .nameTooLong)
    }

    @Test func mebibytesOfPropertiesAre413() {
        let value = String(repeating: "x", count: 1 << 20)
        let xml =
            "<propertyupdate xmlns=\"DAV:\"><set><prop><big>\(value)</big></prop></set>"
            + "</propertyupdate>"
        #expect(reason(utf8(xml)) == .tooLong)
        #expect(status(of: xml) == .contentTooLarge)
    }

    /// One declaration outside, used by many properties: what is kept would be far larger than what
    /// was sent.
    @Test func whatAPropertyInheritsCountsForIt() {
        let namespace = String(repeating: "u", count: 1000)
        let properties = String(repeating: "<p:a/>", count: 200)
        let xml =
            "<propertyupdate xmlns=\"DAV:\" xmlns:p=\"\(namespace)\"><set><prop>\(properties)"
            + "</prop></set></propertyupdate>"
        #expect(utf8(xml).count < 4096)
        #expect(status(of: xml) == .contentTooLarge)
    }

    /// Thirty-two times the text takes some thirty-two times as long; work that grows as its square
    /// would take a thousand times. The time is this thread's own. What is copied as a whole is cheap
    /// beside the rest: it shows in the longest of the texts.
    @Test(arguments: [
        ("", "<a/>", "", 4), ("", "<!-- - -->", "", 4), ("", "<![CDATA[]]>", "", 4),
        ("", "]", "", 4),
        ("", "&amp;", "", 4), ("", "x:", "", 4), ("<b xmlns:p='u'>", "<p:x/>p:y ", "</b>", 4),
        ("", "<a xmlns:a='u' xmlns:b='v' a:c='' b:c=''/>", "", 16),
    ])
    func readingIsLinear(before: String, unit: String, after: String, kibibytes: Int) {
        func document(_ byteCount: Int) -> [UInt8] {
            utf8(
                "<r>\(before)"
                    + String(repeating: unit, count: byteCount / unit.utf8.count)
                    + "\(after)</r>")
        }
        func time(_ byteCount: Int, runs: Int) -> Int64 {
            let bytes = document(byteCount)
            return threadTime(runs: runs) {
                var limits = XMLLimits.request
                limits.byteCountMax = .max
                limits.elementCountMax = .max
                let document = try? XMLReader.read(bytes, limits: limits)
                let fragment = document.flatMap { $0.fragment(of: $0.root, byteCountMax: .max) }
                #expect(fragment != nil)
            }
        }
        let short = time(kibibytes << 10, runs: 3)
        let long = time(kibibytes << 15, runs: 1)
        #expect(long < short * 64, "\(short) ns, then \(long) ns for \(unit)")
    }
}
