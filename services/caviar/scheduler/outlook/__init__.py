"""What is to be expected: why a study waits, when it starts, what it costs."""
