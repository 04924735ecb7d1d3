"""Files of weights from anywhere: what they hold, which network is meant, whether it is sound."""
