"""Which faces are worth annotating: scores, strategies, and the plan of the rounds."""
