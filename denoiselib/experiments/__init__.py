"""Protocols: what is compared, as data, and a pure function ``run_one(setting, seed) -> dict``."""
