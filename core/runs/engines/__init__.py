"""Where runs are carried out: the interface (engine.py), on this machine (local.py), on a cluster (ray_engine.py)."""
