"""The engine folder: from an order through every step to a manifest with its evidence."""
