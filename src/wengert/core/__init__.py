"""The data structure: avals, primitives, equations, graphs, and the builder that makes them."""
