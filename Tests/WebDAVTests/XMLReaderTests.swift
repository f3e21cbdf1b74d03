import Testing
import WebDAV

struct XMLReaderTests {
    @Test(arguments: [
        ("<a/>", "{}a()"),
        ("<a></a >", "{}a()"),
        ("<?xml version=\"1.0\"?>\n<a/>\n", "{}a()"),
        ("<?xml version='1.1' encoding='UTF-8' standalone = 'yes' ?><a/>", "{}a()"),
        ("<!-- x --><?pi y?><a/><!----><?z?>", "{}a()"),
        ("<a>x</a>", "{}a('x')"),
        ("<a>x<b/>y</a>", "{}a('x' {}b() 'y')"),
        ("<a>x<b>z</b>y</a>", "{}a('x' {}b('z') 'y')"),
        ("<a>x<!-- - -->y<?p q?>z</a>", "{}a('xyz')"),
        ("<a><![CDATA[<&]]]]>&gt;</a>", "{}a('<&]]>')"),
        ("<a>&lt;&gt;&amp;&quot;&apos;</a>", "{}a('<>&\"'')"),
        ("<a>&#65;&#x42;&#x1F600;</a>", "{}a('AB😀')"),
        ("<a>1\r\n2\r3\n4</a>", "{}a('1\n2\n3\n4')"),
        ("<a b='1' c=\"2\"/>", "{}a[{}b='1',{}c='2']()"),
        ("<a b='x\ty\nz&#10;&lt;'/>", "{}a[{}b='x y z\n<']()"),
        ("<a xmlns='u'/>", "{u}a()"),
        ("<p:a xmlns:p='u' p:b='1' b='2'/>", "{u}a[{u}b='1',{}b='2']()"),
        ("<a xmlns='u'><b xmlns=''/><c/></a>", "{u}a({}b() {u}c())"),
        ("<a xmlns:p='u'><p:b xmlns:p='v'/><p:c/></a>", "{}a({v}b() {u}c())"),
        ("<a xml:lang='de'/>", "{}a[{http://www.w3.org/XML/1998/namespace}lang='de']()"),
        (
            "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:b=''/>",
            "{}a[{http://www.w3.org/XML/1998/namespace}b='']()"
        ),
        ("<é·ñ xmlns:日本='u' 日本:語='x'/>", "{}é·ñ[{u}語='x']()"),
        ("<a\n\tb = '1'\r\n/>", "{}a[{}b='1']()"),
        ("<a>]]</a>", "{}a(']]')"),
    ])
    func wellFormedTextsAreRead(xml: String, expected: String) throws {
        #expect(try meaning(of: xml) == expected)
    }

    @Test(arguments: [
        ("", XMLFault.Reason.noElement),
        ("   ", .noElement),
        ("x", .noElement),
        ("<", .unexpectedEnd),
        ("<a", .unexpectedEnd),
        ("<a>", .unexpectedEnd),
        ("<foo>bar", .unexpectedEnd),
        ("<a></b>", .mismatchedTag),
        ("<a></ab>", .mismatchedTag),
        ("<ab></a>", .mismatchedTag),
        ("</a>", .mismatchedTag),
        ("<a/></a>", .mismatchedTag),
        ("<a/><b/>", .trailingContent),
        ("<a/>x", .trailingContent),
        ("<a/><![CDATA[x]]>", .unexpectedCharacter),
        ("<1a/>", .badName),
        ("< a/>", .badName),
        ("<-a/>", .badName),
        ("<:a/>", .badName),
        ("<a:/>", .badName),
        ("<a:b:c xmlns:a='u'/>", .badName),
        ("<a:1 xmlns:a='u'/>", .badName),
        ("<a×/>", .unexpectedCharacter),
        ("<a b/>", .unexpectedCharacter),
        ("<a b=1/>", .unexpectedCharacter),
        ("<a b='1'c='2'/>", .unexpectedCharacter),
        ("<a b='<'/>", .unexpectedCharacter),
        ("<a b='1' b='2'/>", .duplicateAttribute),
        ("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>", .duplicateAttribute),
        ("<a xmlns:p='u' xmlns:p='v'/>", .duplicateAttribute),
        ("<a xmlns='u' xmlns='v'/>", .duplicateAttribute),
        ("<p:a/>", .unboundPrefix),
        ("<a p:b='1'/>", .unboundPrefix),
        ("<a><b xmlns:p='u'/><p:c/></a>", .unboundPrefix),
        ("<a xmlns:p=''/>", .badBinding),
        ("<a xmlns:xmlns='u'/>", .badBinding),
        ("<a xmlns:xml='u'/>", .badBinding),
        ("<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>", .badBinding),
        ("<a xmlns='http://www.w3.org/2000/xmlns/'/>", .badBinding),
        ("<xmlns:a/>", .unboundPrefix),
        ("<a>&foo;</a>", .unknownEntity),
        ("<a>&</a>", .unknownEntity),
        ("<a>& </a>", .unknownEntity),
        ("<a b='&nbsp;'/>", .unknownEntity),
        ("<a>&#0;</a>", .badReference),
        ("<a>&#8;</a>", .badReference),
        ("<a>&#xD800;</a>", .badReference),
        ("<a>&#xFFFE;</a>", .badReference),
        ("<a>&#x110000;</a>", .badReference),
        ("<a>&#99999999999999999999;</a>", .badReference),
        ("<a>&#;</a>", .badReference),
        ("<a>&#x;</a>", .badReference),
        ("<a>&#xZ;</a>", .badReference),
        ("<a>&#65</a>", .badReference),
        ("<a>]]></a>", .unexpectedCharacter),
        ("<a><![CDATA[x</a>", .unexpectedEnd),
        ("<a><!-- x</a>", .unexpectedEnd),
        ("<a><!-- x -- y --></a>", .unexpectedCharacter),
        ("<a><?xml version='1.0'?></a>", .badName),
        (" <?xml version='1.0'?><a/>", .badName),
        ("<a><?p x</a>", .unexpectedEnd),
        ("<?xml?><a/>", .badName),
        ("<?xml encoding='utf-8'?><a/>", .badDeclaration),
        ("<?xml version='2.0'?><a/>", .badDeclaration),
        ("<?xml version='1.0' standalone='maybe'?><a/>", .badDeclaration),
        ("<?xml version='1.0' encoding='utf-8><a/>", .badDeclaration),
        ("<!DOCTYPE a><a/>", .documentType),
        ("<!doctype a><a/>", .unexpectedCharacter),
    ])
    func illFormedTextsAreRefused(xml: String, expected: XMLFault.Reason) {
        #expect(reason(utf8(xml)) == expected)
    }

    @Test func charactersThatXMLCannotHaveAreRefused() {
        for code in Array(UInt32(0)..<0x20) + [0xFFFE, 0xFFFF] where ![9, 10, 13].contains(code) {
            let scalar = Unicode.Scalar(code).map(String.init) ?? ""
            #expect(reason(utf8("<a>\(scalar)</a>")) == .badCharacter)
            #expect(reason(utf8("<a b='\(scalar)'/>")) == .badCharacter)
            #expect(reason(utf8("<a>&#\(code);</a>")) == .badReference)
        }
        #expect(reason(utf8("<a>\u{7F}\u{85}\u{FFFD}\u{10FFFF}</a>")) == nil)
    }

    /// Whatever is cut off, it is refused and nothing breaks.
    @Test func everyTruncationIsRefused() {
        let whole = utf8(
            "<?xml version=\"1.0\"?><!-- c --><D:a xmlns:D='DAV:' x=\"&#65;\"><?p q?>"
                + "<b>t&amp;é</b><![CDATA[x]]><D:c/></D:a>")
        #expect(reason(whole) == nil)
        for count in whole.indices { #expect(reason(Array(whole[..<count])) != nil) }
    }

    // MARK: Encodings

    @Test(arguments: [true, false], [true, false])
    func utf16IsRead(isBigEndian: Bool, hasMark: Bool) throws {
        let xml = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><é>a😀</é>"
        let document = try XMLReader.read(
            utf16(xml, isBigEndian: isBigEndian, hasMark: hasMark))
        #expect(meaning(document, document.root) == "{}é('a😀')")
    }

    @Test func utf8MayHaveAMark() throws {
        #expect(reason([0xEF, 0xBB, 0xBF] + utf8("<a/>")) == nil)
        #expect(
            reason([0xEF, 0xBB, 0xBF] + utf8("<?xml version='1.0' encoding='utf-8'?><a/>")) == nil)
    }

    @Test(arguments: [
        utf8("<?xml version='1.0' encoding='iso-8859-1'?><a/>"),
        utf8("<?xml version='1.0' encoding='iso-8859-1'?><a>") + [0xE9] + utf8("</a>"),
        utf8("<?xml version='1.0' encoding='windows-1252'?><a/>"),
        utf8("<?xml version='1.0' encoding='shift_jis'?><a/>"),
        utf8("<?xml version='1.0' encoding='UTF-16'?><a/>"),
        utf8("<?xml version='1.0' encoding='UTF-7'?><a/>"),
        utf16("<?xml version='1.0' encoding='utf-8'?><a/>", isBigEndian: true, hasMark: true),
        utf16("<?xml version='1.0' encoding='UTF-16BE'?><a/>", isBigEndian: false, hasMark: true),
        [0xFF, 0xFE, 0, 0, 0x3C, 0, 0, 0],
        [0, 0, 0xFE, 0xFF, 0, 0, 0, 0x3C],
        [0x3C, 0, 0, 0, 0x61, 0, 0, 0],
        [0, 0, 0, 0x3C, 0, 0, 0, 0x61],
    ])
    func otherEncodingsAre415(bytes: [UInt8]) {
        #expect(reason(bytes) == .foreignEncoding)
        #expect(
            status { () throws(DAVFault) in _ = try PropfindRequest(body: bytes) }
                == .unsupportedMediaType)
    }

    @Test func theContentTypesCharsetCounts() throws {
        let plain = utf8("<a/>")
        func reason(_ bytes: [UInt8], _ charset: String) -> XMLFault.Reason? {
            do throws(XMLFault) {
                _ = try XMLReader.read(bytes, charset: utf8(charset)[...])
                return nil
            } catch { return error.reason }
        }
        #expect(reason(plain, "UTF-8") == nil)
        #expect(reason(plain, "us-ascii") == nil)
        #expect(reason(plain, "iso-8859-1") == .foreignEncoding)
        #expect(reason(plain, "utf-16") == .foreignEncoding)
        let wide = utf16("<a/>", isBigEndian: false, hasMark: false)
        #expect(reason(wide, "utf-16") == nil)
        #expect(reason(wide, "utf-16be") == .foreignEncoding)
        // A mark goes before it.
        #expect(reason([0xEF, 0xBB, 0xBF] + plain, "iso-8859-1") == nil)
    }

    @Test(arguments: [
        ("text/xml; charset=\"utf-8\"", "utf-8"), ("application/xml;charset=UTF-16", "UTF-16"),
        ("text/xml; a=b ; Charset = x", "x"), ("text/xml", nil), ("text/xml; charset", nil),
        ("charset=utf-8", nil), ("", nil), ("text/xml; charset=\"", "\""),
    ])
    func charsetsAreFound(field: String, expected: String?) {
        #expect(XMLEncoding.charset(ofContentType: utf8(field)[...]).map(text) == expected)
    }

    @Test(arguments: [
        utf8("<a>") + [0xFF] + utf8("</a>"),
        utf8("<a>") + [0xC0, 0x80] + utf8("</a>"),
        utf8("<a>") + [0xED, 0xA0, 0x80] + utf8("</a>"),
        utf8("<a>") + [0xF4, 0x90, 0x80, 0x80] + utf8("</a>"),
        utf8("<a/>") + [0xE2, 0x82],
        [0xFE, 0xFF, 0x00, 0x3C, 0xD8, 0x00, 0x00, 0x3C],
        [0xFE, 0xFF, 0x00, 0x3C, 0xDC, 0x00],
        [0xFE, 0xFF, 0x00, 0x3C, 0xD8, 0x00],
        [0xFE, 0xFF, 0x00],
    ])
    func brokenTextIs400(bytes: [UInt8]) {
        #expect(reason(bytes) == .notText)
        #expect(status { () throws(DAVFault) in _ = try LockBody(body: bytes) } == .badRequest)
    }
}
