collect_ignore = ["theirs.py", "their_nets.py"]  # they need PyTorch; no doctests there
