"""Which configuration to try next: surrogates, acquisitions, candidates, and Optuna samplers made of them."""
