"""What crosses a process boundary: messages, names, views, the stopping rule. The only room that a worker shares with the service."""
