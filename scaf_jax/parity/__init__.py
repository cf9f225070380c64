"""Does this implementation reproduce the numbers of the published one?

`python -m scaf_jax.parity --fixtures=DIR` rebuilds the weights and inputs of every fixture in a
folder, recomputes every number that the published 3FabRec implementation stored there, and says
how far apart they are.
"""
