"""The person in the loop: faces go out to be annotated, annotations come back and are checked."""
