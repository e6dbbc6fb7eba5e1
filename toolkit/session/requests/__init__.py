"""All that a user may name, each with its name, type, default and meaning, written once.

The command line, the functions of Python, the settings of the pytest plugin and the line that gives
a result once more are made of the fields here. A new option is one field: of a group where several
commands take it, of a command's own class where one does. A command has the file of its name, as
none needs another's.
"""
