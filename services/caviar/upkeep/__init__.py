"""Looking after the books: the store written again from MLflow, and what in store and record does not agree."""
