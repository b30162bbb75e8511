"""Language models, embedders and tokenizers."""
