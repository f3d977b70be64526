"""Execution: where and when trials run, and where what they found is kept."""
