/// Names a lock (RFC 4918 section 6.5): made at random by who asks for it, so that a request that
/// is repeated takes one lock.
package struct LockToken: Identifier {
    package let bits: Bits128
    package init(bits: Bits128) { self.bits = bits }
}
