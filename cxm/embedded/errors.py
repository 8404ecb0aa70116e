"""What the embedded services say when they cannot run."""


class EmbeddedError(RuntimeError):
    """The embedded services cannot run; the message says why and what to do, fit to print to the operator."""
