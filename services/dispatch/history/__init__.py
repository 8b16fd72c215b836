"""Files of cases that another system closed 历史案卷: their format, how a row is read, and how rows become batches."""
