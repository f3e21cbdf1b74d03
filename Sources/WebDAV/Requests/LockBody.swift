/// What a LOCK asks for (RFC 4918 sections 9.10 and 14.11).
package enum LockBody: Hashable, Sendable {
    /// A new lock. The owner is the client's element whole, as XML that stands for itself.
    case new(ActiveLock.Scope, owner: [UInt8]?)
    /// The body is empty: a lock that the If header names goes on (section 9.10.2).
    case refresh

    package init(body: [UInt8], charset: ArraySlice<UInt8>? = nil) throws(DAVFault) {
        if body.isEmpty {
            self = .refresh
            return
        }
        let document = try DAVBody.read(body, charset: charset, root: "lockinfo")
        guard let scope = document.child("lockscope", of: document.root),
            let type = document.child("locktype", of: document.root)
        else {
            throw DAVFault(.unprocessable, "The lockinfo lacks its lockscope or locktype.")
        }
        guard document.child("write", of: type) != nil else {
            throw DAVFault(.unprocessable, "Only write locks are known.")
        }
        let isExclusive = document.child("exclusive", of: scope) != nil
        guard isExclusive != (document.child("shared", of: scope) != nil) else {
            throw DAVFault(.unprocessable, "A lock is either exclusive or shared.")
        }
        var owner: [UInt8]?
        if let element = document.child("owner", of: document.root) {
            owner = document.fragment(
                of: element, byteCountMax: WebDAVLimits.lockOwnerByteCountMax)
            guard owner != nil else {
                throw DAVFault(
                    .contentTooLarge,
                    "The owner has more than \(WebDAVLimits.lockOwnerByteCountMax) bytes.")
            }
        }
        self = .new(isExclusive ? .exclusive : .shared, owner: owner)
    }
}
