"""Files of components 部件: their format, how a row is read, and how rows become batches."""
