"""The one exception type for mistakes that a user can mend."""


class InputError(ValueError):
    """A request that cannot be carried out as given.

    The message says what was wanted, what came, and what to do, in one sentence or two.
    The command line shows it without a traceback and exits with code 2.
    """
