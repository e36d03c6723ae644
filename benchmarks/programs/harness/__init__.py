"""What the programs are measured with; ``python -m benchmarks.programs --help``."""
