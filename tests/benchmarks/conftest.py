collect_ignore_glob = ["*.py"]  # scripts, and modules that they alone find; no doctests there
