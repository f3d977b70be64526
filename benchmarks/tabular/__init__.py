"""Real trainings kept as data: what to train, training it, the table, and algorithms replayed on it."""
