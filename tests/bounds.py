"""How much processor time a hostile file may take, on a machine several times slower than usual.

Unbounded ones take minutes to years.
"""

CHECKPOINT_CPU_S = 30
FOLDER_CPU_S = 60
