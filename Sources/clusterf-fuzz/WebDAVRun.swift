import Model
import WebDAV

#if canImport(Glibc)
    import Glibc
#endif

/// One seeded run over what WebDAV's clients send: bodies and header fields, damaged.
struct WebDAVRun {
    private let seed: UInt64
    private var rng: SplitMix64

    private static let bodies: [[UInt8]] = [
        """
        <?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:getetag/>\
        <x xmlns="u"/></D:prop></D:propfind>
        """,
        """
        <D:propertyupdate xmlns:D="DAV:" xmlns:q="w" xml:lang="de"><D:set><D:prop>\
        <p:a xmlns:p="u" p:b='&#10;'>q:x &lt;<c xmlns="v"/>é]]&gt;</p:a></D:prop></D:set>\
        <D:remove><D:prop><y/></D:prop></D:remove></D:propertyupdate>
        """,
        """
        <lockinfo xmlns='DAV:'><lockscope><shared/></lockscope><locktype><write/></locktype>\
        <owner><href>x</href><![CDATA[ <&> ]]><!-- c --><?p i?></owner></lockinfo>
        """,
    ].map { [UInt8]($0.utf8) }

    private static let fields: [[UInt8]] = [
        "(<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6> [W/\"e\"]) (Not <DAV:no-lock>)",
        "<http://example.org/dav/a%20b> (Not [\"e\"]) </c> (<opaquelocktoken:x>)",
        "http://user@example.org:80/dav/%C3%A9/b/", "/dav/a+b%25", "bytes 0-99/200",
        "bytes=-5", "Infinite, Second-4100000000", "infinity",
    ].map { [UInt8]($0.utf8) }

    /// What means something in one of them.
    private static let words: [[UInt8]] = [
        "<", ">", "/", "=", "\"", "'", "&", ";", ":", "<a", "/>", "</a>", "xmlns=\"\"",
        "xmlns:a='u'",
        "<!--", "-->", "<![CDATA[", "]]>", "<?", "?>", "<!DOCTYPE", "&#x0;", "&amp;", "]", "(", ")",
        "[", "Not ", "%2F", "%", "..", "//", "?", "#", " ", "\u{FFFF}", "-", "*",
        "18446744073709551615",
    ].map { [UInt8]($0.utf8) }

    init(seed: UInt64) {
        self.seed = seed
        rng = SplitMix64(seed: seed)
    }

    mutating func go() {
        body(damaged(WebDAVRun.bodies))
        field(damaged(WebDAVRun.fields))
    }

    private func fail(_ what: String) -> Never {
        print("seed \(seed): \(what)")
        exit(1)
    }

    private mutating func damaged(_ samples: [[UInt8]]) -> [UInt8] {
        var bytes = samples.randomElement(using: &rng) ?? []
        for _ in 0..<Int.random(in: 0...4, using: &rng) {
            let index = Int.random(in: 0...bytes.count, using: &rng)
            switch Int.random(in: 0...4, using: &rng) {
            case 0: bytes.insert(UInt8.random(in: 0...255, using: &rng), at: index)
            case 1: if index < bytes.count { bytes.remove(at: index) }
            case 2:
                let end = Int.random(in: index...bytes.count, using: &rng)
                bytes.removeSubrange(index..<end)
            case 3:
                let end = Int.random(in: index...bytes.count, using: &rng)
                bytes.insert(contentsOf: bytes[index..<end], at: index)
            default:
                bytes.insert(
                    contentsOf: WebDAVRun.words.randomElement(using: &rng) ?? [], at: index)
            }
        }
        if Int.random(in: 0...9, using: &rng) == 0 {
            bytes = bytes.flatMap { [$0, 0] }
        }
        return bytes
    }

    // MARK: Bodies

    private func body(_ bytes: [UInt8]) {
        if let document = try? XMLReader.read(bytes) {
            guard let whole = document.fragment(of: document.root, byteCountMax: .max) else {
                fail("an element has no end")
            }
            checkStable(whole)
        }
        _ = try? PropfindRequest(body: bytes)
        _ = try? LockBody(body: bytes)
        guard let update = try? PropertyUpdate(body: bytes),
            case .changed(let properties) = update.applied(to: [])
        else { return }
        for property in properties {
            checkStable(property.xml)
            let again = try? XMLReader.read(property.xml)
            guard again.map({ $0.name($0.root) }) == property.name else {
                fail("a property lost its name")
            }
        }
        var writer = MultistatusWriter(now: 0)
        writer.begin()
        let resource = DAVResource(
            href: [0x2F], name: [], isCollection: false, properties: properties)
        writer.response(resource, PropfindPlan(.allProperties(including: [])))
        writer.response(href: [0x2F], update.results(.ok))
        writer.end()
        guard (try? XMLReader.read(writer.take())) != nil else {
            fail("an answer is not well-formed")
        }
    }

    /// What was written is read to the same.
    private func checkStable(_ fragment: [UInt8]) {
        guard let document = try? XMLReader.read(fragment),
            document.fragment(of: document.root, byteCountMax: .max) == fragment
        else { fail("an element does not stand for itself") }
    }

    // MARK: Fields

    private func field(_ bytes: [UInt8]) {
        let field = bytes[...]
        let tree = ServedTree(
            base: .root, isBelowPrefix: true, authority: [UInt8]("example.org".utf8))
        if let header = try? IfHeader(field: field, in: tree) {
            guard header.tokens.count <= WebDAVLimits.ifConditionsMax,
                header.resources(of: .root).count <= WebDAVLimits.ifListsMax
            else { fail("an If header is above its limits") }
            _ = header.holds(of: .root) { _ in .init(entityTag: nil, tokens: header.tokens) }
        }
        if let address = try? tree.destination(field: field) {
            let href = tree.href(address.path, isCollection: address.isCollection)
            guard (try? tree.address(ofReference: href[...])) == address else {
                fail("a path does not survive its href")
            }
        }
        for byteCount in [0, 1, .max] as [UInt64] {
            let writes = [
                try? PartialWrite(contentRange: field, bodyByteCount: byteCount),
                try? PartialWrite(updateRange: field, bodyByteCount: byteCount),
            ]
            for write in writes {
                for fileByteCount in [0, 1, .max] as [UInt64] {
                    guard let range = try? write?.range(fileByteCount: fileByteCount) else {
                        continue
                    }
                    guard range.upperBound - range.lowerBound == byteCount else {
                        fail("a part is not where its bytes have room")
                    }
                }
            }
        }
        let seconds = LockTimeout.granted(field: field)
        guard (1...WebDAVLimits.lockSecondsMax).contains(seconds) else {
            fail("a lock of \(seconds) seconds")
        }
        _ = try? StateToken(lockTokenField: field)
        _ = try? Depth(field: field, of: .propfind)
    }
}
