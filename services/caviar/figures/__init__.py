"""The pictures of a study: what they show, as data made from what the store has of it, and as files."""
