"""The builder's commands: each wires its libraries together, and nothing else does."""
