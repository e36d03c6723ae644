"""Graph -> machine code, through LLVM."""
