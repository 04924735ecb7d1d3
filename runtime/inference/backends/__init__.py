"""Engines, one module per library that computes a network."""
