"""Who takes part in the comparison of speed: ours, the bare operators, PyKEEN and TorchKGE, one a file."""
