import Model

@testable import WebDAV

#if canImport(Glibc)
    import Glibc
#endif

func utf8(_ text: String) -> [UInt8] { [UInt8](text.utf8) }

func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

func path(_ text: String) -> StorePath {
    guard let path = try? StorePath(validating: text.utf8) else {
        preconditionFailure("\(text) is no path")
    }
    return path
}

/// The text in UTF-16, with a byte order mark where one is given.
func utf16(_ text: String, isBigEndian: Bool, hasMark: Bool) -> [UInt8] {
    ((hasMark ? [0xFEFF] : []) + Array(text.utf16)).flatMap { unit in
        let pair = [UInt8(unit >> 8), UInt8(unit & 0xFF)]
        return isBigEndian ? pair : pair.reversed()
    }
}

/// Why reading `bytes` fails; nil where it does not.
func reason(_ bytes: [UInt8], limits: XMLLimits = .request) -> XMLFault.Reason? {
    do throws(XMLFault) {
        _ = try XMLReader.read(bytes, limits: limits)
        return nil
    } catch {
        return error.reason
    }
}

/// The status that `body` fails with; nil where it does not.
func status(_ body: () throws(DAVFault) -> Void) -> DAVStatus? {
    do throws(DAVFault) {
        try body()
        return nil
    } catch {
        return error.status
    }
}

/// The condition that `body` fails with.
func condition(_ body: () throws(DAVFault) -> Void) -> DAVCondition? {
    do throws(DAVFault) {
        try body()
        return nil
    } catch {
        return error.condition
    }
}

/// A document with all namespaces spelled out, so that two are equal where they mean the same
/// (RFC 4918 section 4.3): `{ns}name[attributes](children)`.
func meaning(_ document: XMLDocument, _ place: XMLDocument.Place) -> String {
    var result = document.name(place).description
    let attributes = document.attributes[document.element(place).attributes]
        .filter { !$0.isBinding }
        .map { attribute in
            let name = XMLName(
                namespace: document.namespaces[attribute.name.namespace],
                local: [UInt8](document.source[attribute.name.local]))
            return "\(name)='\(text(document.characters[attribute.value]))'"
        }
    if !attributes.isEmpty { result += "[\(attributes.joined(separator: ","))]" }
    let children = document.content(of: place).map { content in
        switch content {
        case .element(let child): meaning(document, child)
        case .text(let bytes): "'\(text(bytes))'"
        }
    }
    return result + "(\(children.joined(separator: " ")))"
}

func meaning(of xml: String) throws -> String {
    let document = try XMLReader.read(utf8(xml))
    return meaning(document, document.root)
}

/// Nanoseconds of this thread's own time that `body` takes, the least of some runs: what else the
/// machine does is not in it.
func threadTime(runs: Int, _ body: () -> Void) -> Int64 {
    (0..<runs).map { _ in
        var start = timespec()
        var end = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start)
        body()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end)
        return Int64(end.tv_sec - start.tv_sec) * 1_000_000_000
            + Int64(end.tv_nsec - start.tv_nsec)
    }.min() ?? 0
}

extension XMLDocument {
    /// What is directly in an element.
    enum Content {
        case element(Place)
        case text([UInt8])
    }

    func content(of place: Place) -> [Content] {
        var result: [Content] = []
        var index = place.index + 1
        while index < element(place).end {
            switch nodes[index] {
            case .element(let child):
                result.append(.element(Place(index: index)))
                index = child.end
            case .text(let range):
                result.append(.text([UInt8](characters[range])))
                index += 1
            }
        }
        return result
    }

    /// The characters directly in an element.
    func text(of place: Place) -> [UInt8] {
        content(of: place).flatMap { content in
            if case .text(let bytes) = content { bytes } else { [UInt8]() }
        }
    }
}
