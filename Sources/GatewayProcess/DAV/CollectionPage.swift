internal import IPC
internal import Model
internal import WebDAV

/// GET of a collection: a plain list of links, for people who open the address in a browser. Programs ask
/// with PROPFIND.
final class CollectionPage: DAVMembersText {
    private let request: DAVRequest
    private let href: [UInt8]
    private var out: [UInt8] = []

    private init(_ request: DAVRequest) {
        self.request = request
        href = request.href(true)
    }

    static func answer(_ request: DAVRequest, _ exchange: Exchange) {
        let page = CollectionPage(request)
        let members = DAVMembers(
            of: request.path, in: request.tree, href: page.href, isDeep: false,
            exchange.context.link)
        DAVMembersSource(exchange, members, page).start { source in
            exchange.stream(.ok, byteCount: nil, from: source) { head in
                head.field("Content-Type", "text/html; charset=utf-8")
                head.field("X-Content-Type-Options", "nosniff")
                head.field("X-ClusterF-Is-Directory", "true")
                // Names are the users': nothing may load or run.
                head.field(
                    "Content-Security-Policy",
                    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                        + "form-action 'none'; frame-ancestors 'none'")
                head.field("Cache-Control", "no-cache")
            }
        }
    }

    // MARK: DAVMembersText

    func prepare(
        _ page: DAVMembers.Page, from index: Int,
        completion: @escaping (Result<[DAVFacts], Problem>) -> Void
    ) {
        completion(.success(Array(repeating: DAVFacts(), count: page.entries.count - index)))
    }

    func begin() {
        let path = request.tree.base == request.path ? "/" : request.path.text
        let title = HomePage.escape(path.utf8)
        let text = """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>\(title)</title>
            <style>:root{color-scheme:light dark}body{font:16px/1.6 system-ui,sans-serif;\
            max-width:54rem;margin:0 auto;padding:2rem 1rem}li{overflow-wrap:anywhere}</style>
            <h1>\(title)</h1>
            <ul>

            """
        out += text.utf8
        if request.path != request.tree.base, let parent = request.path.parent {
            out += "<li><a href=\"".utf8
            out += request.tree.href(parent, isCollection: true)
            out += "\">..</a>\n".utf8
        }
    }

    func write(_ entry: ListResponse.Entry, in page: DAVMembers.Page, _ facts: DAVFacts) {
        let isCollection = if case .directory = entry { true } else { false }
        // An href has nothing that HTML would read otherwise.
        out += "<li><a href=\"".utf8
        out += Href.member(entry.name, of: page.href, isCollection: isCollection)
        out += "\">".utf8
        out += HomePage.escape(entry.name).utf8
        out += (isCollection ? "/</a>\n" : "</a>\n").utf8
    }

    func end() { out += "</ul>\n</html>\n".utf8 }

    var byteCount: Int { out.count }

    func take() -> [UInt8] {
        defer { out = [] }
        return out
    }
}
