"""The command line: arguments in, one public function called, text or JSON out.

Nothing here imports more than the standard library before a command runs, so that `--help` answers at once.
"""
