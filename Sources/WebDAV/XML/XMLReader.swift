/// Reads one text of XML 1.0 with namespaces, strictly and in one pass: no document type, so no
/// entities but the five that need none, no recursion, and every size limited. Time and memory are
/// linear in the text.
package struct XMLReader {
    var document: XMLDocument
    let limits: XMLLimits
    var index = 0
    /// Elements whose end is to come, the innermost last.
    var open: [Open] = []
    /// Indexes of `document.bindings` in scope, the innermost last.
    var scope: [Int] = []
    var namespaceIndexes: [[UInt8]: Int]
    private var elementCount = 0
    /// Whether the last node is text that goes on here.
    var isInText = false

    struct Open {
        var node: Int
        /// Of its tag, as written.
        var name: Range<Int>
        /// How much of `scope` was there before it.
        var scopeCount: Int
    }

    private init(_ source: [UInt8], _ limits: XMLLimits) {
        document = XMLDocument(source: source)
        self.limits = limits
        namespaceIndexes = [[]: 0, XMLNamespace.xml: 1]
    }

    /// The document that `bytes` are.
    ///
    /// - Parameter charset: of the Content-Type, where it has one.
    package static func read(
        _ bytes: [UInt8], charset: ArraySlice<UInt8>? = nil, limits: XMLLimits = .request
    ) throws(XMLFault) -> XMLDocument {
        guard bytes.count <= limits.byteCountMax else {
            throw XMLFault(reason: .tooLong, offset: limits.byteCountMax)
        }
        let (encoding, mark) = try XMLEncoding.detected(bytes, charset: charset)
        guard let source = encoding.decoded(bytes[mark...]) else {
            // Other encodings say so in a declaration, which is ASCII in most of them.
            let text = XMLReader(Array(bytes[mark...]), limits)
            if encoding == .utf8 { try text.checkDeclaredEncoding(.utf8) }
            throw XMLFault(reason: .notText, offset: 0)
        }
        if let bad = XMLCharacters.firstBad(in: source) {
            throw XMLFault(reason: .badCharacter, offset: bad)
        }
        var reader = XMLReader(source, limits)
        try reader.declaration(encoding)
        try reader.content()
        return reader.document
    }

    // MARK: Bytes

    func fault(_ reason: XMLFault.Reason) -> XMLFault {
        XMLFault(reason: reason, offset: index)
    }

    var next: UInt8? { index < document.source.count ? document.source[index] : nil }

    func peek() throws(XMLFault) -> UInt8 {
        guard let byte = next else { throw fault(.unexpectedEnd) }
        return byte
    }

    func isNext(_ text: String) -> Bool {
        let count = text.utf8.count
        guard document.source.count - index >= count else { return false }
        return document.source[index..<index + count].elementsEqual(text.utf8)
    }

    /// Takes `text` where it comes next.
    mutating func take(_ text: String) -> Bool {
        guard isNext(text) else { return false }
        index += text.utf8.count
        return true
    }

    mutating func expect(_ text: String) throws(XMLFault) {
        guard take(text) else {
            throw fault(next == nil ? .unexpectedEnd : .unexpectedCharacter)
        }
    }

    /// - Returns: whether there was any.
    @discardableResult
    mutating func skipSpace() -> Bool {
        let start = index
        while let byte = next, XMLCharacters.isSpace(byte) { index += 1 }
        return index > start
    }

    /// Goes on behind the next `text`.
    mutating func skip(behind text: String) throws(XMLFault) {
        let first = text.utf8.first
        while let byte = next {
            if byte == first, take(text) { return }
            index += 1
        }
        throw fault(.unexpectedEnd)
    }

    // MARK: The whole

    private mutating func content() throws(XMLFault) {
        while let byte = next {
            if byte == 0x3C {
                try markup()
            } else if open.isEmpty {
                guard skipSpace() else {
                    throw fault(document.nodes.isEmpty ? .noElement : .trailingContent)
                }
            } else {
                try text()
            }
        }
        guard open.isEmpty else { throw fault(.unexpectedEnd) }
        guard !document.nodes.isEmpty else { throw fault(.noElement) }
    }

    private mutating func markup() throws(XMLFault) {
        guard index + 1 < document.source.count else { throw fault(.unexpectedEnd) }
        switch document.source[index + 1] {
        case 0x2F: try endTag()
        case 0x3F: try instruction()
        case 0x21:
            if take("<!--") {
                try skip(behind: "--")
                try expect(">")
            } else if isNext("<![CDATA[") {
                guard !open.isEmpty else { throw fault(.unexpectedCharacter) }
                try characterData()
            } else {
                throw documentType()
            }
        default:
            guard !open.isEmpty || document.nodes.isEmpty else {
                throw fault(.trailingContent)
            }
            guard open.count < limits.depthMax else { throw fault(.tooDeep) }
            guard elementCount < limits.elementCountMax else { throw fault(.tooManyElements) }
            elementCount += 1
            try startTag()
        }
    }

    /// What is wrong with a `<!` that is neither comment nor character data.
    private func documentType() -> XMLFault {
        guard isNext("<!DOCTYPE") else { return fault(.unexpectedCharacter) }
        var rest = self
        while let byte = rest.next {
            if byte == 0x53, rest.isNext("SYSTEM") { return fault(.externalEntity) }
            if byte == 0x50, rest.isNext("PUBLIC") { return fault(.externalEntity) }
            rest.index += 1
        }
        return fault(.documentType)
    }

    /// `<?target …?>`, which means nothing here.
    private mutating func instruction() throws(XMLFault) {
        index += 2
        let target = try name()
        guard target.prefix.isEmpty,
            !ASCII.equalIgnoringCase(document.source[target.local], "xml")
        else { throw fault(.badName) }
        if take("?>") { return }
        guard skipSpace() else { throw fault(.unexpectedCharacter) }
        try skip(behind: "?>")
    }

    private mutating func endTag() throws(XMLFault) {
        guard let element = open.popLast() else { throw fault(.mismatchedTag) }
        index += 2
        let written = document.source[element.name]
        guard document.source[index...].starts(with: written) else {
            throw fault(.mismatchedTag)
        }
        index += written.count
        skipSpace()
        guard take(">") else {
            throw fault(next == nil ? .unexpectedEnd : .mismatchedTag)
        }
        close(element)
    }

    mutating func close(_ element: Open) {
        guard case .element(var node) = document.nodes[element.node] else {
            preconditionFailure("an open element is an element")
        }
        node.end = document.nodes.count
        document.nodes[element.node] = .element(node)
        scope.removeLast(scope.count - element.scopeCount)
        isInText = false
    }

    // MARK: The declaration

    /// `<?xml version="1.0" encoding="…" standalone="…"?>`, where it is there (production 23).
    private mutating func declaration(_ encoding: XMLEncoding) throws(XMLFault) {
        guard isDeclared else { return }
        index += 5
        guard let version = try pseudoAttribute("version"), version.starts(with: "1.".utf8),
            version.count > 2, version.dropFirst(2).allSatisfy(ASCII.isDigit)
        else { throw fault(.badDeclaration) }
        if let declared = try pseudoAttribute("encoding") {
            guard encoding.isNamed(by: declared) else { throw fault(.foreignEncoding) }
        }
        if let standalone = try pseudoAttribute("standalone") {
            guard standalone.elementsEqual("yes".utf8) || standalone.elementsEqual("no".utf8)
            else { throw fault(.badDeclaration) }
        }
        skipSpace()
        guard take("?>") else { throw fault(.badDeclaration) }
    }

    private var isDeclared: Bool {
        isNext("<?xml") && document.source.count > index + 5
            && XMLCharacters.isSpace(document.source[index + 5])
    }

    /// Of bytes that are no UTF-8: whether they say that they are not meant to be.
    private func checkDeclaredEncoding(_ encoding: XMLEncoding) throws(XMLFault) {
        guard isDeclared else { return }
        var reader = self
        do throws(XMLFault) {
            try reader.declaration(encoding)
        } catch {
            if error.reason == .foreignEncoding { throw error }
        }
    }

    /// Space, the name, `=` and a quoted value; nil where another name comes.
    private mutating func pseudoAttribute(
        _ name: String
    ) throws(XMLFault) -> ArraySlice<UInt8>? {
        let start = index
        guard skipSpace(), take(name) else {
            index = start
            return nil
        }
        skipSpace()
        guard take("=") else { throw fault(.badDeclaration) }
        skipSpace()
        guard let quote = next, quote == 0x22 || quote == 0x27 else {
            throw fault(.badDeclaration)
        }
        index += 1
        let first = index
        while let byte = next, byte != quote, byte != 0x3E { index += 1 }
        guard next == quote else { throw fault(.badDeclaration) }
        index += 1
        return document.source[first..<index - 1]
    }
}
