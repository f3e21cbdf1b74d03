/// A PROPFIND's request, worked out once for all the resources that are answered.
package struct PropfindPlan: Sendable {
    /// Only names are answered.
    let isOfNames: Bool
    /// All dead properties are answered.
    let hasAllDead: Bool
    /// Live properties, in the order of the request.
    let live: [LiveProperty]
    /// Other properties that are asked for, as elements without a value.
    let others: [[UInt8]]
    /// Where each of them is; also names of live properties that may be dead ones.
    let positions: [XMLName: Int]

    /// The position of what is no other property.
    static let live = -1

    package init(_ request: PropfindRequest) {
        let asked: [XMLName]
        switch request {
        case .names:
            isOfNames = true
            hasAllDead = true
            asked = []
        case .allProperties(let included):
            isOfNames = false
            hasAllDead = true
            asked = LiveProperty.allCases.filter(\.isInAllProperties).map(\.name) + included
        case .properties(let names):
            isOfNames = false
            hasAllDead = false
            asked = names
        }
        var live = isOfNames ? LiveProperty.allCases : []
        var others: [[UInt8]] = []
        var positions: [XMLName: Int] = [:]
        for name in asked where positions[name] == nil {
            if let property = LiveProperty(name) {
                live.append(property)
                positions[name] = PropfindPlan.live
            } else {
                positions[name] = others.count
                var element: [UInt8] = []
                PropertyText.appendEmpty(name, to: &element)
                others.append(element)
            }
        }
        self.live = live
        self.others = others
        self.positions = positions
    }

    /// Whether what a resource does not have is said: not of what was not asked for by name.
    func says(isMissing property: LiveProperty) -> Bool {
        !isOfNames && !(hasAllDead && property.isInAllProperties)
    }

    /// Whether anything that costs the store something to find out is asked for.
    package var asksForQuota: Bool {
        live.contains(.quotaAvailableBytes) || live.contains(.quotaUsedBytes)
    }

    /// Whether locks have to be found out.
    package var asksForLocks: Bool { !isOfNames && live.contains(.lockDiscovery) }

    /// Whether dead properties have to be found out.
    package var asksForDeadProperties: Bool {
        hasAllDead || !others.isEmpty || live.contains(.displayName)
    }
}
