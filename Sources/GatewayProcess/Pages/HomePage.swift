internal import IPC
internal import Model

/// `/`: what this is, how to use it, and what is stored at the top.
enum HomePage {
    static func answer(_ exchange: Exchange) {
        let request = ListRequest(
            path: .root, after: [], limit: UInt32(GatewayLimits.homeEntryCountMax))
        exchange.context.link.call(.list(request), seconds: GatewayLimits.probeWaitSeconds) {
            reply in
            let page: ListResponse? = if case .listed(let page) = reply { page } else { nil }
            let settings = exchange.context.settings
            let port = settings.facts[ConfigurationKey.httpPort] ?? ""
            let html = html(nodeID: settings.nodeID, port: port, page: page)
            exchange.respond(.ok, type: "text/html; charset=utf-8", body: html.utf8) { head in
                // The style is in the page; nothing else may load or run.
                head.field(
                    "Content-Security-Policy",
                    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                        + "form-action 'none'; frame-ancestors 'none'")
                head.field("Cache-Control", "no-store")
                head.field("Referrer-Policy", "no-referrer")
            }
        }
    }

    static func html(nodeID: String, port: String, page: ListResponse?) -> String {
        let address = port.isEmpty ? "localhost" : "localhost:\(escape(port.utf8))"
        return """
            <!doctype html>
            <html lang="en">
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width">
            <title>clusterf · \(escape(nodeID.utf8))</title>
            <style>\(style)</style>
            <main>
            <header><h1>clusterf</h1><p>node <b>\(escape(nodeID.utf8))</b></p>
            <nav><a href="/api/files/">Listing</a> <a href="/status">Status</a></nav></header>
            <section><h2>Files</h2>
            \(entries(page))
            </section>
            <section><h2>From a terminal</h2>
            <pre># store a file
            curl -T photo.jpg http://\(address)/api/files/photos/photo.jpg
            # read it back
            curl -O http://\(address)/api/files/photos/photo.jpg
            # list a directory
            curl http://\(address)/api/files/photos/
            # delete
            curl -X DELETE http://\(address)/api/files/photos/photo.jpg</pre>
            </section>
            </main>
            </html>

            """
    }

    private static let style = """
        :root{color-scheme:light dark;--line:#8883;--soft:#8881;--link:#0a66c2}
        @media(prefers-color-scheme:dark){:root{--link:#7ab7ff}}
        *{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,sans-serif}
        main{max-width:54rem;margin:0 auto;padding:2rem 1rem}
        header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.25rem 1rem}
        h1{margin:0;font-size:1.6rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}
        header p{margin:0;flex:1}a{color:var(--link)}nav a{margin-left:.75rem}
        table{width:100%;border-collapse:collapse}
        td,th{padding:.4rem .5rem;border-bottom:1px solid var(--line);text-align:left}
        td:first-child{overflow-wrap:anywhere}
        td+td,th+th{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
        pre{background:var(--soft);border:1px solid var(--line);border-radius:.5rem;
        padding:.8rem 1rem;overflow:auto;font-size:.9rem}.note{color:#888}
        """

    private static func entries(_ page: ListResponse?) -> String {
        guard let page else {
            return "<p class=\"note\">The store does not answer at the moment.</p>"
        }
        if page.entries.isEmpty { return "<p class=\"note\">Nothing is stored yet.</p>" }
        var rows = ""
        for entry in page.entries { rows += row(entry) }
        let more =
            page.hasMore
            ? "<p class=\"note\">The first \(page.entries.count) entries; "
                + "<a href=\"/api/files/\">all of them</a>.</p>" : ""
        return """
            <table><thead><tr><th>Name</th><th>Size</th><th>Modified (UTC)</th></tr></thead>
            <tbody>
            \(rows)</tbody></table>\(more)
            """
    }

    private static func row(_ entry: ListResponse.Entry) -> String {
        let url = String(
            decoding: PercentEncoding.encode(entry.name[...], keepingSlash: false), as: UTF8.self)
        let name = escape(entry.name)
        switch entry {
        case .file(_, let facts):
            return "<tr><td><a href=\"/api/files/\(url)\">\(name)</a></td>"
                + "<td>\(size(facts.byteCount))</td><td>\(time(facts.modified))</td></tr>\n"
        case .directory(_, let modified):
            return "<tr><td><a href=\"/api/files/\(url)/\">\(name)/</a></td>"
                + "<td></td><td>\(time(modified))</td></tr>\n"
        }
    }

    private static func time(_ time: Timestamp) -> String {
        // The T between date and time is for programs.
        let bytes = RFC3339.format(time).prefix(16).map { $0 == 0x54 ? 0x20 : $0 }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func size(_ byteCount: UInt64) -> String {
        if byteCount < 1024 { return "\(byteCount) B" }
        var value = Double(byteCount)
        var unit = 0
        let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let tenths = Int(value * 10)
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }

    /// Text in HTML, also in a quoted attribute.
    static func escape(_ utf8: some Sequence<UInt8>) -> String {
        var out: [UInt8] = []
        for byte in utf8 {
            switch byte {
            case 0x26: out += "&amp;".utf8
            case 0x3C: out += "&lt;".utf8
            case 0x3E: out += "&gt;".utf8
            case 0x22: out += "&quot;".utf8
            case 0x27: out += "&#39;".utf8
            default: out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
