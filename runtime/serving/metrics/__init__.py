"""Every Prometheus metric of the daemon: names, labels and buckets."""
