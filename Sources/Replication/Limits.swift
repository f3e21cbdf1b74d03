/// The numbers of this room, each with its reason.
package enum ReplicationLimits {}
