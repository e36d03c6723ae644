"""Graphs to arrays."""
