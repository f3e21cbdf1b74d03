import Model
import Testing
import WebDAV

struct ServedTreeTests {
    private func tree(
        _ base: String = "/", below: Bool = false, host: String? = "example.org"
    ) -> ServedTree {
        ServedTree(base: path(base), isBelowPrefix: below, authority: host.map(utf8))
    }

    private func status(
        of field: String?, _ tree: ServedTree? = nil
    ) -> DAVStatus? {
        WebDAVTests.status { () throws(DAVFault) in
            _ = try (tree ?? self.tree()).destination(field: field.map { utf8($0)[...] })
        }
    }

    @Test(
        arguments: [
            ("/a", "/a", false), ("/a/", "/a", true), ("/", "/", true), ("/dav", "/", true),
            ("/dav/", "/", true), ("/dav/a/b", "/a/b", false), ("/davy", "/davy", false),
            ("/dav/dav", "/dav", false), ("/a%20b%23%3F%25", "/a b#?%", false),
            ("/a+b&c", "/a+b&c", false),
            ("/%C3%A9", "/é", false), ("/e%CC%81", "/é", false), ("/%64av/x", "/x", false),
            ("http://example.org/a", "/a", false), ("https://EXAMPLE.org/a", "/a", false),
            ("http://example.org:80/a", "/a", false), ("https://example.org:443/a", "/a", false),
            ("http://user:pass@example.org/a", "/a", false), ("http://example.org", "/", true),
            (" http://example.org/dav/x/ ", "/x", true), ("/a//", nil, true),
            ("/a:b", "/a:b", false), ("/./a:b", "/a:b", false), ("/a/./././b", "/a/b", false),
            ("/a/.", "/a", true), ("/dav/.", "/", true), ("/.", "/", true), ("/./", "/", true),
            ("/.a/..b/c.", "/.a/..b/c.", false),
        ] as [(String, String?, Bool)])
    func destinationsAreFound(field: String, expected: String?, isCollection: Bool) throws {
        guard let expected else {
            #expect(status(of: field) == .badRequest)
            return
        }
        let address = try tree().destination(field: utf8(field)[...])
        #expect(address.path.bytes == path(expected).bytes)
        #expect(address.isCollection == isCollection)
    }

    @Test(arguments: [
        "", "a", "a/b", "//example.org/a", "http:/a", "http:a", "http://", "http:///a",
        "/a?b", "/a#b", "http://example.org?x", "/..", "/a/../b", "/a/../.", "/a/%2e/b", "/.//a",
        "/%2e%2e/a",
        "/dav/..",
        "/dav/../a", "/a%", "/a%2", "/a%zz", "/%00", "/%FF", "/%C3", "/a//b",
        "/" + String(repeating: "n", count: 256),
        String(repeating: "/nnnnnnnnnnnnnnn", count: 257),
    ])
    func otherDestinationsAre400(field: String) {
        #expect(status(of: field) == .badRequest)
    }

    @Test func noDestinationIs400() { #expect(status(of: nil) == .badRequest) }

    @Test(arguments: [
        "http://other.org/a", "http://example.org:81/a", "http://example.org.evil/a",
        "http://example.org@evil.org/a", "ftp://example.org/a", "https://example.org:80/a",
    ])
    func otherServersAre502(field: String) {
        #expect(status(of: field) == .badGateway)
    }

    @Test func hostsAreComparedWithTheRequests() throws {
        for (host, field, expected) in [
            ("example.org:8080", "http://example.org:8080/a", nil),
            ("example.org:8080", "http://example.org/a", DAVStatus.badGateway),
            ("example.org:443", "https://example.org/a", nil),
            ("[::1]:8080", "http://[::1]:8080/a", nil),
            ("[::1]", "http://[::1]/a", nil),
        ] {
            #expect(status(of: field, tree(host: host)) == expected, "\(host) \(field)")
        }
        #expect(status(of: "http://anything/a", tree(host: nil)) == nil)
    }

    @Test func nothingLeavesTheServedDirectory() throws {
        let tree = tree("/photos/2024")
        #expect(
            try tree.address(ofPath: utf8("/a/b")[...]).path == path("/photos/2024/a/b"))
        #expect(try tree.address(ofPath: utf8("/dav")[...]).path == path("/photos/2024"))
        #expect(status(of: "/../2025/a", tree) == .badRequest)
        #expect(status(of: "/%2e%2e%2f2025", tree) == .badRequest)
        #expect(status(of: "/..%2F2025", tree) == .badRequest)
    }

    // MARK: Hrefs

    @Test(arguments: [
        ("/", false, "/", true, "/"), ("/", true, "/", true, "/dav/"),
        ("/", false, "/a", false, "/a"), ("/", true, "/a", true, "/dav/a/"),
        ("/p", false, "/p", true, "/"), ("/p", true, "/p", true, "/dav/"),
        ("/p", true, "/p/a", false, "/dav/a"),
        // Without the prefix these would be the tree itself.
        ("/", false, "/dav", true, "/dav/dav/"), ("/", false, "/dav/a", false, "/dav/dav/a"),
        ("/p", false, "/p/dav", false, "/dav/dav"), ("/", false, "/davos", false, "/davos"),
        ("/", true, "/dav", true, "/dav/dav/"),
        ("/", false, "/a b", false, "/a%20b"), ("/", false, "/50%#?", false, "/50%25%23%3F"),
        ("/", false, "/é+&<\\\"'", false, "/%C3%A9%2B%26%3C%5C%22%27"),
        ("/", false, "/\u{1}\u{7F}\n", false, "/%01%7F%0A"),
        ("/", false, "/a:b;c=d,e@f!g$h(i)*", false, "/a%3Ab%3Bc%3Dd%2Ce%40f%21g%24h%28i%29%2A"),
        ("/", false, "/A-z_0.9~", false, "/A-z_0.9~"), ("/", false, "/😀", false, "/%F0%9F%98%80"),
    ])
    func hrefsAreEncoded(
        base: String, below: Bool, resource: String, isCollection: Bool, expected: String
    ) throws {
        let tree = tree(base, below: below)
        let href = tree.href(path(resource), isCollection: isCollection)
        #expect(text(href) == expected)
        let address = try tree.address(ofReference: href[...])
        #expect(address == .init(path: path(resource), isCollection: isCollection))
    }

    /// Every byte that a name may have comes back from its href.
    @Test func everyNameSurvivesItsHref() throws {
        for code in (1..<0x250).map(UInt32.init) where code != 0x2F {
            let scalar = try #require(Unicode.Scalar(code))
            let name = "x\(scalar)y"
            let normal = try #require(StorePath.normalized(utf8(name)))
            let href = Href.member(normal, of: utf8("/dav/d/"), isCollection: false)
            #expect(href.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x26 && $0 != 0x3C })
            let address = try tree().address(ofPath: href[...])
            #expect(address.path.bytes == utf8("/d/") + normal)
        }
    }

    @Test func aMemberWhoseAddressIsTheTreesIsHidden() {
        #expect(tree().hides(utf8("dav"), in: .root))
        #expect(tree("/p").hides(utf8("dav"), in: path("/p")))
        #expect(!tree(below: true).hides(utf8("dav"), in: .root))
        #expect(!tree().hides(utf8("dav"), in: path("/a")))
        #expect(!tree("/p").hides(utf8("dav"), in: .root))
        for name in ["davos", "da", "Dav"] { #expect(!tree().hides(utf8(name), in: .root)) }
    }

    @Test func membersContinueTheirCollection() {
        #expect(text(Href.member(utf8("b c"), of: utf8("/a/"), isCollection: true)) == "/a/b%20c/")
    }
}
