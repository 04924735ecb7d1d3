"""Pruning: which channels or weights to remove, removing them exactly, and how to train on."""
