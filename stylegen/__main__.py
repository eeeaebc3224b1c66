"""``python -m stylegen`` is the command ``stylegen``."""

from stylegen.cli import main

main(prog_name="stylegen")
