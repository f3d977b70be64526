"""Out to other libraries and in from them: configurations, embeddings, model cards."""
