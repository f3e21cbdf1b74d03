/// The numbers of this room, each with its reason.
package enum PosixLimits {
    /// Bytes of one message on a descriptor socket: a token of 16 and an id of 8 fit, with room for
    /// another version; small, as each waits in kernel memory.
    package static let descriptorMessageBytesMax = 64

    /// Descriptors that a service manager may hand over: more than any node has addresses, and a
    /// bound on the numbers read from the environment.
    package static let listenDescriptorsMax = 128

    /// Bytes of one notification: what a service manager reads at once, too.
    package static let notificationBytesMax = 4096

    /// Connections that wait in a listener's backlog: a restarting worker must refuse none, and a
    /// connect takes far less than the second of a restart.
    package static let listenBacklog: Int32 = 4096
}
