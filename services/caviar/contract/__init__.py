"""What crosses a process boundary: messages, names, views. The only room that a worker shares with the service."""
