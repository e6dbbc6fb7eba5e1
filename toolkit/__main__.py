"""`python -m toolkit`: the command, with the folder at hand among the places of packages."""

from toolkit.cli import main

main()
