import Model
import Testing
import WebDAV

struct DeadPropertyCodingTests {
    private func property(_ namespace: String, _ local: String, _ xml: String) -> DeadProperty {
        DeadProperty(name: XMLName(namespace, local), xml: utf8(xml))
    }

    @Test func propertiesComeBackInTheirOrder() throws {
        let all = [
            property("urn:x", "a", "<a xmlns=\"urn:x\">é</a>"), property("", "b", "<b/>"),
            property("urn:y", "c", ""),
        ]
        #expect(try [DeadProperty](decoding: all.encoded) == all)
        #expect([DeadProperty]().encoded.isEmpty)
        #expect(try [DeadProperty](decoding: []).isEmpty)
    }

    /// What one resource may have is what the store keeps of one.
    @Test func theMostThatThereMayBeFits() {
        let each = WebDAVLimits.propertiesByteCountMax / WebDAVLimits.propertiesMax
        let all = (0..<WebDAVLimits.propertiesMax).map {
            property("", "\($0)", String(repeating: "x", count: each - "\($0)".count))
        }
        #expect(all.reduce(0) { $0 + $1.byteCount } == WebDAVLimits.propertiesByteCountMax)
        #expect(all.encoded.count <= FileProperties.byteCountMax)
    }

    @Test func otherBytesAreRefused() {
        let good = [property("urn:x", "a", "<a/>"), property("urn:x", "b", "<b/>")].encoded
        let ends = (1..<good.count).filter {
            (try? [DeadProperty](decoding: Array(good[..<$0]))) != nil
        }
        // Only where one property ends.
        #expect(ends == [1, 1 + (good.count - 1) / 2])
        #expect(throws: DecodeError.self) { try [DeadProperty](decoding: [2] + good.dropFirst()) }
        let many = (0...WebDAVLimits.propertiesMax).map { property("", "\($0)", "") }.encoded
        #expect(throws: DecodeError.self) { try [DeadProperty](decoding: many) }
    }
}
