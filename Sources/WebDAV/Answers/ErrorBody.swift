/// The body of an answer that says which rule was broken: a `DAV:error` (RFC 4918 section 14.5).
package enum ErrorBody {
    package static func bytes(_ condition: DAVCondition) -> [UInt8] {
        var out = XMLProlog.bytes
        append(condition, declaring: " xmlns:D=\"DAV:\"", to: &out)
        out.append(0x0A)
        return out
    }

    static func append(
        _ condition: DAVCondition, declaring declaration: String = "", to out: inout [UInt8]
    ) {
        out += "<D:error\(declaration)><D:\(condition.name)".utf8
        if condition.hrefs.isEmpty {
            out += "/>".utf8
        } else {
            out.append(0x3E)
            for href in condition.hrefs {
                out += "<D:href>".utf8
                out += href
                out += "</D:href>".utf8
            }
            out += "</D:\(condition.name)>".utf8
        }
        out += "</D:error>".utf8
    }
}
