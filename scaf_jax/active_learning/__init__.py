"""Active learning: choosing the faces worth annotating."""
