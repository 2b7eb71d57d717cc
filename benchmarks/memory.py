"""What a process has needed."""

import resource


def peak_gb() -> float:
    """The most memory that this process ever had (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
