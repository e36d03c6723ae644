"""The public transforms; see the package itself for their names."""
