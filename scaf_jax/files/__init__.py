"""Files: written whole or not at all, read strictly, texts from outside made harmless."""
