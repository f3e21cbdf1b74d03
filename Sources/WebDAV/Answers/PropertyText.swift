/// Properties as XML. The prefix `D` is WebDAV's, and without a prefix there is no namespace.
enum PropertyText {
    /// The element of a property without its value.
    static func appendEmpty(_ name: XMLName, to out: inout [UInt8]) {
        out.append(0x3C)
        if name.namespace == XMLNamespace.dav {
            out += "D:".utf8
            out += name.local
        } else if name.namespace == XMLNamespace.xml {
            out += "xml:".utf8
            out += name.local
        } else if name.namespace.isEmpty {
            out += name.local
        } else {
            out += "N:".utf8
            out += name.local
            out += " xmlns:N=\"".utf8
            XMLText.appendAttribute(name.namespace, to: &out)
            out.append(0x22)
        }
        out += "/>".utf8
    }

    static let emptyLive: [LiveProperty: [UInt8]] = Dictionary(
        uniqueKeysWithValues: LiveProperty.allCases.map { property in
            var out: [UInt8] = []
            appendEmpty(property.name, to: &out)
            return (property, out)
        })

    /// Appends a property that the resource has.
    ///
    /// - Parameter now: milliseconds since 1970, by which locks have time left.
    static func append(
        _ property: LiveProperty, of resource: DAVResource, now: UInt64, _ dates: inout DateText,
        to out: inout [UInt8]
    ) {
        switch property {
        case .resourceType: out += resource.isCollection ? collection : noCollection
        case .supportedLock: out += supportedLock
        case .lockDiscovery: LockText.appendDiscovery(resource.locks, now: now, to: &out)
        case .contentLength:
            out += lengthStart
            append(resource.byteCount, to: &out)
            out += lengthEnd
        case .contentType:
            out += typeStart
            XMLText.append((resource.contentType ?? "").utf8, to: &out)
            out += typeEnd
        case .entityTag:
            out += tagStart
            XMLText.append(resource.entityTag ?? [], to: &out)
            out += tagEnd
        case .lastModified:
            out += modifiedStart
            if let modified = resource.modified { dates.appendHTTP(modified, to: &out) }
            out += modifiedEnd
        case .creationDate:
            out += createdStart
            if let created = resource.created { dates.appendInternet(created, to: &out) }
            out += createdEnd
        case .displayName:
            out += nameStart
            XMLText.append(resource.name, to: &out)
            out += nameEnd
        case .quotaAvailableBytes:
            out += availableStart
            append(resource.quota?.availableByteCount ?? 0, to: &out)
            out += availableEnd
        case .quotaUsedBytes:
            out += usedStart
            append(resource.quota?.usedByteCount ?? 0, to: &out)
            out += usedEnd
        }
    }

    static func append(_ number: UInt64, to out: inout [UInt8]) {
        var divisor: UInt64 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            out.append(0x30 + UInt8(number / divisor % 10))
            divisor /= 10
        }
    }

    private static func start(_ property: LiveProperty) -> [UInt8] {
        [UInt8]("<D:\(property.rawValue)>".utf8)
    }

    private static func end(_ property: LiveProperty) -> [UInt8] {
        [UInt8]("</D:\(property.rawValue)>".utf8)
    }

    // Made once, since a listing has them some thousand times.
    private static let collection = [UInt8](
        "<D:resourcetype><D:collection/></D:resourcetype>".utf8)
    private static let noCollection = [UInt8]("<D:resourcetype/>".utf8)
    private static let lengthStart = start(.contentLength)
    private static let lengthEnd = end(.contentLength)
    private static let typeStart = start(.contentType)
    private static let typeEnd = end(.contentType)
    private static let tagStart = start(.entityTag)
    private static let tagEnd = end(.entityTag)
    private static let modifiedStart = start(.lastModified)
    private static let modifiedEnd = end(.lastModified)
    private static let createdStart = start(.creationDate)
    private static let createdEnd = end(.creationDate)
    private static let nameStart = start(.displayName)
    private static let nameEnd = end(.displayName)
    private static let availableStart = start(.quotaAvailableBytes)
    private static let availableEnd = end(.quotaAvailableBytes)
    private static let usedStart = start(.quotaUsedBytes)
    private static let usedEnd = end(.quotaUsedBytes)
    /// Both scopes, everywhere (RFC 4918 section 15.10).
    private static let supportedLock = [UInt8](
        """
        <D:supportedlock><D:lockentry><D:lockscope><D:exclusive/></D:lockscope>\
        <D:locktype><D:write/></D:locktype></D:lockentry>\
        <D:lockentry><D:lockscope><D:shared/></D:lockscope>\
        <D:locktype><D:write/></D:locktype></D:lockentry></D:supportedlock>
        """.utf8)
}
