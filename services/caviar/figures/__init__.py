"""Pictures of a study: what they show as data, and how they are drawn. See docs/adr/0021-what-people-see.md."""
