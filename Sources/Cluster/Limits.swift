package enum ClusterLimits {}
