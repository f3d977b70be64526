"""Every error KGTuner raises on purpose.

KGTunerError
├── ConfigError      a name, a value or a file of settings is wrong: nothing was started
├── DataError        a graph, a triple or a data set is wrong or missing
├── RunError         a run folder is missing, locked, damaged or belongs to something else
└── TrialFailed      one training ended without a result; the study goes on
    ├── Diverged     a loss or a score stopped being finite
    ├── OutOfMemory  the device or the host had too little memory
    ├── WorkerDied   the process or the machine that trained is gone
    └── Hung         a training gave no sign of life, or did not end in time

The message is one sentence: what was wrong, what was given, what would be right.
The command line prints it without a traceback and exits with `exit_code`.
"""

from __future__ import annotations


class KGTunerError(Exception):
    """Base of all errors below; catch this to catch them all."""

    exit_code = 1


class ConfigError(KGTunerError):
    exit_code = 2


class DataError(KGTunerError):
    exit_code = 3


class RunError(KGTunerError):
    exit_code = 4


class TrialFailed(KGTunerError):
    """One training ended without a result. Never an MRR of zero: a surrogate would learn it."""

    exit_code = 5
    reason = "failed"


class Diverged(TrialFailed):
    reason = "diverged"


class OutOfMemory(TrialFailed):
    reason = "out of memory"


class WorkerDied(TrialFailed):
    reason = "worker died"


class Hung(TrialFailed):
    reason = "hung"
