"""From a frame to the network's input: `reference` defines the numbers, the others are fast."""
