"""What crosses a process boundary: messages, names, views, and the stopping rule that both sides know.

The only room that a worker shares with the service.
"""
