"""The pictures of a study as data, made from what the store has of it."""
