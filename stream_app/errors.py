"""What can go wrong for a whole command, and what the operator does about it.

A bad *event* is no error of the service: it becomes a dead letter. These are the errors that end a command::

    LifecycleAppError      exit code 1
    ├── Misconfigured      exit code 2: wrong usage or configuration, nothing has been consumed
    ├── Unavailable        exit code 1: Kafka, Redis, the disk or the network does not answer
    └── WorkFailed         exit code 1: the work itself failed or its result is wrong

Each message is one line that says what is wrong, where (file, key, line, address), and what to do.
"""


class LifecycleAppError(Exception):
    """Root of the errors that a command reports in one line.

    Operator action: do what the message says; a message without advice is a defect worth a report.

    Args:
        message: What is wrong, where, and what to do.
        exit_code: Exit status of the process; by default the one of the class.

    Examples:
        >>> LifecycleAppError("disk full:   /data").sentence
        'disk full: /data'
    """

    exit_code: int = 1

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        if exit_code is not None:
            self.exit_code = exit_code

    @property
    def sentence(self) -> str:
        """The message on one line."""
        return " ".join(str(self).split())


class Misconfigured(LifecycleAppError):  # noqa: N818 - names say what is wrong, as in the contracts
    """A setting, a lifecycle file, a flag or an existing topic contradicts what the service needs.

    Operator action: correct the named file, key or flag; restarting without a change cannot help.
    """

    exit_code = 2


class Unavailable(LifecycleAppError):  # noqa: N818 - same
    """Something outside the process does not answer: Kafka, Redis, the network, the disk.

    Operator action: bring it back; a supervisor may restart the process in the meantime, no work is lost.
    """


class WorkFailed(LifecycleAppError):  # noqa: N818 - same
    """The work was begun and could not be finished, or its result is not what it must be.

    Operator action: read the message, keep the data directory and the topics, and start the command again;
    what was acknowledged before stands.
    """
