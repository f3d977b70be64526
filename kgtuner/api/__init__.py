"""The public functions: each puts the parts below together for one thing a user wants."""
