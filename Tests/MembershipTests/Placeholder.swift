import Testing

@testable import Membership

@Suite struct MembershipPlaceholder {}
