"""The command line: the tree of arguments, one module per command."""
