"""The engine folder: from what a command says to a manifest with its evidence."""
