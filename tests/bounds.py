"""How much processor time a hostile file may take before it counts as without bounds.

The heaviest checkpoint takes some 6 s here and took 6.9 s on a slower machine; the heaviest folder
stays below 10 s. The bounds leave room for machines that are slower still.
"""

CHECKPOINT_CPU_S = 30
FOLDER_CPU_S = 60
