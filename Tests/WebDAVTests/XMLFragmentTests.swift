import Testing
import WebDAV

/// What a property has to keep (RFC 4918 sections 4.3 and 4.4).
struct XMLFragmentTests {
    /// The first element below the second one, by itself.
    private func fragment(_ xml: String) throws -> String {
        let document = try XMLReader.read(utf8(xml))
        let outer = try #require(document.children(of: document.root).first)
        let inner = try #require(document.children(of: outer).first)
        return text(try #require(document.fragment(of: inner, byteCountMax: .max)))
    }

    @Test(arguments: [
        ("<r><s><a/></s></r>", "<a/>"),
        ("<r><s><a></a></s></r>", "<a/>"),
        ("<r><s><a>x &lt;&#38; ]]&gt;<b/> y</a></s></r>", "<a>x &lt;&amp; ]]&gt;<b/> y</a>"),
        // Declarations come along where something uses them.
        ("<r xmlns:p='u' xmlns:q='v'><s><p:a/></s></r>", "<p:a xmlns:p=\"u\"/>"),
        ("<r xmlns:p='u'><s><a><b p:c='1'/></a></s></r>", "<a xmlns:p=\"u\"><b p:c=\"1\"/></a>"),
        ("<r xmlns='u'><s><a/></s></r>", "<a xmlns=\"u\"/>"),
        ("<r xmlns='u'><s xmlns=''><a/></s></r>", "<a xmlns=\"\"/>"),
        ("<r xmlns='u'><s><a xmlns=''/></s></r>", "<a xmlns=\"\"/>"),
        ("<r xmlns='u'><s><a xmlns='v'><b/></a></s></r>", "<a xmlns=\"v\"><b/></a>"),
        (
            "<r xmlns:p='u'><s xmlns:p='v'><p:a><p:b xmlns:p='w'/></p:a></s></r>",
            "<p:a xmlns:p=\"v\"><p:b xmlns:p=\"w\"/></p:a>"
        ),
        // Values may have qualified names.
        ("<r xmlns:xs='u'><s><a t='xs:int'/></s></r>", "<a xmlns:xs=\"u\" t=\"xs:int\"/>"),
        ("<r xmlns:xs='u'><s><a> xs:int </a></s></r>", "<a xmlns:xs=\"u\"> xs:int </a>"),
        ("<r xmlns:xs='u'><s><a>(xs:int)</a></s></r>", "<a xmlns:xs=\"u\">(xs:int)</a>"),
        ("<r xmlns:xs='u'><s><a>axs:int xs</a></s></r>", "<a>axs:int xs</a>"),
        // The language that is in scope.
        ("<r xml:lang='de'><s><a/></s></r>", "<a xml:lang=\"de\"/>"),
        ("<r xml:lang='de'><s xml:lang='fr'><a/></s></r>", "<a xml:lang=\"fr\"/>"),
        ("<r xml:lang='de'><s><a xml:lang='en'/></s></r>", "<a xml:lang=\"en\"/>"),
        // What readers would normalize away.
        (
            "<r><s><a b='&#10;&#9;&#13;&quot;'>&#13;</a></s></r>",
            "<a b=\"&#10;&#9;&#13;&quot;\">&#13;</a>"
        ),
        ("<r><s><a><![CDATA[<b>]]></a></s></r>", "<a>&lt;b&gt;</a>"),
        ("<r><s><a><!-- c -->1<?p?>2</a></s></r>", "<a>12</a>"),
        ("<r><s><a>&#65536;</a></s></r>", "<a>\u{10000}</a>"),
    ])
    func elementsStandForThemselves(xml: String, expected: String) throws {
        let fragment = try fragment(xml)
        #expect(fragment == expected)
        // Once more changes nothing, in another document neither.
        #expect(try self.fragment("<r xmlns:D='DAV:'><D:s>\(fragment)</D:s></r>") == expected)
    }

    @Test func fragmentsAreLimited() throws {
        let document = try XMLReader.read(utf8("<a>0123456789</a>"))
        #expect(document.fragment(of: document.root, byteCountMax: 17) != nil)
        #expect(document.fragment(of: document.root, byteCountMax: 16) == nil)
    }
}
