/// What a PROPFIND asks for (RFC 4918 sections 9.1 and 14.20).
package enum PropfindRequest: Hashable, Sendable {
    /// All dead properties and those live ones that RFC 4918 has, and these besides.
    case allProperties(including: [XMLName])
    /// The names of all properties.
    case names
    case properties([XMLName])

    /// - Parameters:
    ///   - body: all of it; nothing means all properties.
    ///   - charset: of its Content-Type.
    package init(body: [UInt8], charset: ArraySlice<UInt8>? = nil) throws(DAVFault) {
        if body.isEmpty {
            self = .allProperties(including: [])
            return
        }
        let document = try DAVBody.read(body, charset: charset, root: "propfind")
        var found: PropfindRequest?
        var included: [XMLName] = []
        var asked = Asked()
        for child in document.children(of: document.root) {
            let choice: PropfindRequest
            if document.isDAV(child, "allprop") {
                choice = .allProperties(including: [])
            } else if document.isDAV(child, "propname") {
                choice = .names
            } else if document.isDAV(child, "prop") {
                choice = .properties(try asked.names(in: child, of: document))
            } else {
                if document.isDAV(child, "include") {
                    included += try asked.names(in: child, of: document)
                }
                // What is not known is skipped (RFC 4918 section 17).
                continue
            }
            guard found == nil else {
                throw DAVFault(.badRequest, "The propfind element asks for two things.")
            }
            found = choice
        }
        switch found {
        case .allProperties: self = .allProperties(including: included)
        case .names, .properties:
            guard included.isEmpty, let found else {
                throw DAVFault(.badRequest, "Only allprop can include properties.")
            }
            self = found
        case nil: throw DAVFault(.badRequest, "The propfind element asks for nothing.")
        }
    }

    /// The names of a whole request, as far as it was read.
    private struct Asked {
        private var seen: Set<XMLName> = []
        /// Of their elements in an answer.
        private var byteCount = 0

        /// Each name once, in the first element that has it.
        mutating func names(
            in place: XMLDocument.Place, of document: XMLDocument
        ) throws(DAVFault) -> [XMLName] {
            var result: [XMLName] = []
            for child in document.children(of: place) {
                let name = document.name(child)
                guard seen.insert(name).inserted else { continue }
                result.append(name)
                var element: [UInt8] = []
                PropertyText.appendEmpty(name, to: &element)
                byteCount += element.count
                guard seen.count <= WebDAVLimits.propertiesAskedMax,
                    byteCount <= WebDAVLimits.propertiesAskedByteCountMax
                else {
                    throw DAVFault(
                        .contentTooLarge,
                        "More than \(WebDAVLimits.propertiesAskedMax) properties are asked for, or "
                            + "their names have more than "
                            + "\(WebDAVLimits.propertiesAskedByteCountMax) bytes.")
                }
            }
            return result
        }
    }
}

/// Bodies of XML in general.
enum DAVBody {
    /// - Parameter root: the name of the outermost element, in WebDAV's namespace.
    static func read(
        _ body: [UInt8], charset: ArraySlice<UInt8>?, root: String
    ) throws(DAVFault) -> XMLDocument {
        let document: XMLDocument
        do throws(XMLFault) {
            document = try XMLReader.read(body, charset: charset)
        } catch {
            throw DAVFault(error)
        }
        guard document.isDAV(document.root, root) else {
            throw DAVFault(.badRequest, "The body is no DAV:\(root) element.")
        }
        return document
    }
}
