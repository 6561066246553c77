"""The pictures of a study: what they show, as data, and as files."""
