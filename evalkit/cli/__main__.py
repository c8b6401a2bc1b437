"""Runs the command line: `python -m evalkit.cli`."""

from evalkit.cli.entry_point import main

if __name__ == "__main__":
    main()
