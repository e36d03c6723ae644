"""Scientific NumPy programs with loops, branches and assignment; each file is one program and its peers' versions."""
