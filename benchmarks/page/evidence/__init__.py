"""The tables of docs/evidence.md."""
