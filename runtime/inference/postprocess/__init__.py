"""From logits to labels: `reference` defines the numbers, the others are fast."""
